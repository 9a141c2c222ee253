// Our readers against Open3D's, on files that both can read.
#include <gtest/gtest.h>
#include <open3d/geometry/PointCloud.h>
#include <open3d/io/PointCloudIO.h>
#include <open3d/utility/Logging.h>

#include <string>

#include "stream/open3d/cloud_file.h"
#include "tests/io/temporary_folder.h"
#include "tests/open3d/cloud_bytes.h"

namespace sluice::stream {
namespace {

void expect_same(const std::string& path, const std::string& what) {
  open3d::geometry::PointCloud theirs;
  ASSERT_TRUE(open3d::io::ReadPointCloud(path, theirs)) << what;
  PointCloud ours;
  read_cloud(path, ours);
  ASSERT_EQ(static_cast<std::size_t>(ours.size()), theirs.points_.size()) << what;
  ASSERT_EQ(ours.rgb.empty(), theirs.colors_.empty()) << what;
  for (std::size_t i = 0; i < theirs.points_.size(); ++i)
    for (int a = 0; a < 3; ++a) {
      const std::size_t at = 3 * i + static_cast<std::size_t>(a);
      ASSERT_EQ(ours.xyz[at], static_cast<float>(theirs.points_[i](a))) << what;
      if (!ours.rgb.empty()) {
        ASSERT_NEAR(ours.rgb[at], 255 * theirs.colors_[i](a), 1e-6) << what;
      }
    }
}

TEST(CloudFileOracle, ReadsWhatOpen3dReads) {
  const test::TemporaryFolder folder;
  test::Random random(75);
  for (const bool coloured : {false, true}) {
    const PointCloud cloud = test::random_cloud(random, 100, coloured);
    for (int kind = 0; kind < 3; ++kind) {
      test::write_file(folder.file("a.ply"),
                       test::ply_bytes(cloud, static_cast<test::PlyKind>(kind)));
      expect_same(folder.file("a.ply"), "ply " + std::to_string(kind));
      test::write_file(folder.file("a.pcd"),
                       test::pcd_bytes(cloud, static_cast<test::PcdKind>(kind), true, false));
      expect_same(folder.file("a.pcd"), "pcd " + std::to_string(kind));
    }
  }
}

TEST(CloudFileOracle, ReadsWhatOpen3dWrites) {
  const test::TemporaryFolder folder;
  test::Random random(76);
  for (const bool coloured : {false, true}) {
    open3d::geometry::PointCloud cloud;
    for (int i = 0; i < 200; ++i) {
      // Long runs of equal values, so that compression has something to do.
      cloud.points_.emplace_back(random.between(-5, 5), i / 50, 1);
      if (coloured)
        cloud.colors_.emplace_back(random.uniform(), 1.0, static_cast<double>(i / 20) / 10);
    }
    for (const bool ascii : {false, true})
      for (const bool compressed : {false, true})
        for (const char* name : {"b.ply", "b.pcd"}) {
          ASSERT_TRUE(open3d::io::WritePointCloud(folder.file(name), cloud, {ascii, compressed}));
          expect_same(folder.file(name), std::string(name) + (ascii ? " ascii" : " binary") +
                                             (compressed ? " compressed" : ""));
        }
  }
}

}  // namespace
}  // namespace sluice::stream
