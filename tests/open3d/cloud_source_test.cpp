#include "stream/open3d/cloud_source.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "kernels/error.h"
#include "stream/open3d/backend_loader.h"
#include "stream/pose.h"
#include "tests/io/temporary_folder.h"
#include "tests/open3d/cloud_bytes.h"
#include "tests/open3d/rendered_scene.h"

namespace sluice::stream {
namespace {

class CloudSourceTest : public testing::Test {
 protected:
  test::TemporaryFolder folder_;

  /// A cloud whose x tells which one it is.
  void write_cloud(const std::string& name, float x, bool coloured = true) const {
    PointCloud cloud;
    cloud.xyz = {x, 1, 2, x, NAN, 3};
    if (coloured) cloud.rgb = {1, 2, 3, 4, 5, 6};
    test::write_file(folder_.file(name), name.ends_with(".ply")
                                             ? test::ply_bytes(cloud, test::PlyKind::little)
                                             : test::pcd_bytes(cloud, test::PcdKind::binary));
  }
  [[nodiscard]] std::string input() const { return folder_.path().string(); }
};

TEST_F(CloudSourceTest, FramesInOrderWithTheirTimes) {
  write_cloud("c-2.ply", 2);
  write_cloud("c-10.pcd", 10, false);
  write_cloud("c-1.ply", 1);
  CloudSource source(input(), {.frame_rate = 5});
  EXPECT_EQ(source.frame_count(), 3);
  EXPECT_EQ(source.source().grid_rows, 0);
  EXPECT_EQ(source.source().feature_width, 0);
  SpatialFrame frame;
  std::vector<float> xs;
  std::vector<double> times;
  std::int64_t index = 0;
  while (source.next(frame)) {
    EXPECT_EQ(frame.index, index++);
    EXPECT_EQ(frame.points.shape(), (kernels::Shape{2, 3}));
    EXPECT_TRUE(std::isnan(frame.points.as<float>()[4])) << "what is not finite stays so";
    EXPECT_EQ(frame.colours.defined(), frame.index < 2);
    EXPECT_FALSE(frame.features.defined() || frame.depth.defined());
    EXPECT_EQ(frame.pose, identity_pose());
    EXPECT_FALSE(frame.pose_estimated);
    xs.push_back(frame.points.as<float>()[0]);
    times.push_back(frame.pts);
  }
  EXPECT_EQ(xs, (std::vector<float>{1, 2, 10}));
  EXPECT_EQ(times, (std::vector<double>{0, 0.2, 1.8}));
  EXPECT_FALSE(source.next(frame)) << "stays at the end";
  EXPECT_EQ(source.statistics().frames, 3);
  EXPECT_EQ(source.statistics().skipped_packets, 0);
  EXPECT_EQ(source.poses(), CloudPoseOrigin::world);
  EXPECT_EQ(source.statistics().notes.size(), 1U) << "that poses were assumed";
}

TEST_F(CloudSourceTest, ASingleFileIsOneFrame) {
  write_cloud("room.ply", 4);
  CloudSource source(folder_.file("room.ply"));
  SpatialFrame frame;
  EXPECT_TRUE(source.next(frame));
  EXPECT_EQ(frame.pts, 0);
  EXPECT_FALSE(source.next(frame));
  EXPECT_TRUE(source.statistics().notes.empty());
}

TEST_F(CloudSourceTest, DamagedCloudsAreSkippedCountedAndNoted) {
  for (int i = 0; i < 4; ++i) write_cloud(concat("c", i, ".ply"), static_cast<float>(i));
  test::write_file(folder_.file("c1.ply"), "ply\nformat ascii 1.0\n");
  PointCloud nowhere;
  nowhere.xyz = {NAN, 1, 2};
  test::write_file(folder_.file("c2.ply"), test::ply_bytes(nowhere, test::PlyKind::ascii));
  CloudSource source(input());
  SpatialFrame frame;
  ASSERT_TRUE(source.next(frame));
  ASSERT_TRUE(source.next(frame));
  EXPECT_EQ(frame.points.as<float>()[0], 3);
  EXPECT_EQ(frame.index, 1);
  EXPECT_NEAR(frame.pts, 0.3, 1e-12) << "its time does not move";
  EXPECT_FALSE(source.next(frame));
  const InputStatistics statistics = source.statistics();
  EXPECT_EQ(statistics.frames, 2);
  EXPECT_EQ(statistics.decoded, 4);
  EXPECT_EQ(statistics.skipped_packets, 2);
  ASSERT_EQ(statistics.notes.size(), 3U);
  EXPECT_NE(statistics.notes[1].find("c1.ply"), std::string::npos);
  EXPECT_NE(statistics.notes[2].find("no finite point"), std::string::npos);
}

TEST_F(CloudSourceTest, TheFirstCloudMustBeGood) {
  write_cloud("c1.ply", 1);
  test::write_file(folder_.file("c0.ply"), "nonsense");
  EXPECT_THROW(CloudSource{input()}, Error);
  EXPECT_THROW(CloudSource{folder_.file("missing.ply")}, Error);
}

TEST_F(CloudSourceTest, PosesFromFiles) {
  for (int i = 0; i < 3; ++i) write_cloud(concat("c", i, ".ply"), static_cast<float>(i));
  test::write_file(folder_.file("poses.txt"),
                   "1 0 0 5 0 1 0 6 0 0 1 7\nnan 0 0 0 0 1 0 0 0 0 1 0\n1 0 0 8 0 1 0 0 0 0 1 0\n");
  CloudSource source(input());
  EXPECT_EQ(source.poses(), CloudPoseOrigin::files);
  SpatialFrame frame;
  ASSERT_TRUE(source.next(frame));
  EXPECT_EQ(origin(frame.pose.value()), (Vec3{5, 6, 7}));
  ASSERT_TRUE(source.next(frame));
  EXPECT_FALSE(frame.pose) << "unknown, and said so";
  ASSERT_TRUE(source.next(frame));
  EXPECT_EQ(origin(frame.pose.value()), (Vec3{8, 0, 0}));
  EXPECT_EQ(source.statistics().notes.size(), 1U);

  CloudSource world(input(), {.poses = CloudPoseOrigin::world});
  ASSERT_TRUE(world.next(frame));
  EXPECT_EQ(frame.pose, identity_pose());
}

TEST_F(CloudSourceTest, PosesThatAreAskedForMustBeThere) {
  write_cloud("c0.ply", 0);
  EXPECT_THROW((CloudSource{input(), {.poses = CloudPoseOrigin::files}}), Error);
}

TEST_F(CloudSourceTest, PosesByRegistration) {
  if (!built_with_open3d()) {
    write_cloud("c0.ply", 0);
    EXPECT_THROW((CloudSource{input(), {.poses = CloudPoseOrigin::estimated}}), Error);
    return;
  }
  for (int i = 0; i < 4; ++i) {
    PointCloud cloud;
    const kernels::Tensor points = test::RenderedScene::scan(test::scripted_pose(i));
    cloud.xyz.assign(points.as<float>().begin(), points.as<float>().end());
    if (i == 2) cloud.xyz.resize(30);
    test::write_file(folder_.file(concat("c", i, ".pcd")),
                     test::pcd_bytes(cloud, test::PcdKind::binary));
  }
  CloudSource source(input(), {.poses = CloudPoseOrigin::estimated});
  SpatialFrame frame;
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(source.next(frame));
    ASSERT_EQ(frame.pose.has_value(), i != 2);
    ASSERT_EQ(frame.pose_estimated, i != 2);
    if (frame.pose) {
      EXPECT_LT(test::pose_error(test::scripted_pose(i), *frame.pose).metres, 0.01);
    }
  }
  ASSERT_EQ(source.statistics().notes.size(), 1U);
  EXPECT_NE(source.statistics().notes[0].find("c2.pcd"), std::string::npos);
}

}  // namespace
}  // namespace sluice::stream
