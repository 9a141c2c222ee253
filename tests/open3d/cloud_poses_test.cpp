#include "stream/open3d/cloud_poses.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernels/error.h"
#include "stream/pose.h"
#include "tests/io/temporary_folder.h"
#include "tests/open3d/cloud_bytes.h"

namespace sluice::stream {
namespace {

class CloudPosesTest : public testing::Test {
 protected:
  test::TemporaryFolder folder_;

  /// Clouds c0.ply, c1.ply … or with the numbers given.
  [[nodiscard]] std::vector<CloudEntry> clouds(const std::vector<std::int64_t>& numbers) const {
    std::vector<CloudEntry> all;
    for (const auto number : numbers)
      all.push_back({folder_.file(concat("c", number, ".ply")), 0, number, std::nullopt});
    return all;
  }
  void write(const std::string& name, const std::string& text) const {
    test::write_file(folder_.file(name), text);
  }
  [[nodiscard]] std::string refusal(const std::vector<CloudEntry>& entries) const {
    try {
      (void)find_cloud_poses(entries);
    } catch (const Error& error) {
      return error.what();
    }
    return "was not refused";
  }
};

TEST_F(CloudPosesTest, NoneThere) {
  EXPECT_FALSE(find_cloud_poses(clouds({0, 1})));
}

TEST_F(CloudPosesTest, AFilePerCloud) {
  write("c0.pose.txt", "1 0 0 1\n0 1 0 2\n0 0 1 3\n0 0 0 1\n");
  write("c2.pose.txt", "1 0 0 nan\n0 1 0 2\n0 0 1 3\n0 0 0 1\n");
  const auto poses = find_cloud_poses(clouds({0, 1, 2}));
  ASSERT_TRUE(poses);
  EXPECT_EQ(origin(poses->pose[0].value()), (Vec3{1, 2, 3}));
  EXPECT_FALSE(poses->pose[1]) << "missing";
  EXPECT_FALSE(poses->pose[2]) << "not finite";
  ASSERT_EQ(poses->notes.size(), 1U);
  EXPECT_EQ(poses->notes[0].find("2 of 3"), 0U) << poses->notes[0];
  write("c1.pose.txt", "1 0 0\n");
  EXPECT_NE(refusal(clouds({0, 1, 2})).find("c1.pose.txt"), std::string::npos);
}

TEST_F(CloudPosesTest, KittiLines) {
  write("poses.txt",
        "1 0 0 5 0 1 0 6 0 0 1 7\r\n1 0 0 8 0 0 -1 9 0 1 0 10\n2 0 0 0 0 1 0 0 0 0 1 0\n");
  auto poses = find_cloud_poses(clouds({3, 4, 9}));
  ASSERT_TRUE(poses);
  EXPECT_EQ(origin(poses->pose[0].value()), (Vec3{5, 6, 7})) << "as many lines as clouds: in order";
  EXPECT_EQ(poses->pose[1].value()[6], -1);
  EXPECT_FALSE(poses->pose[2]) << "scales, so it is no rigid transform";
  poses = find_cloud_poses(clouds({1}));
  EXPECT_EQ(origin(poses->pose[0].value()), (Vec3{8, 9, 10})) << "by number otherwise";
  EXPECT_NE(refusal(clouds({2, 3})).find("3 poses for 2 clouds"), std::string::npos);
}

TEST_F(CloudPosesTest, TumLines) {
  write("poses.txt",
        "# time tx ty tz qx qy qz qw\n100.0 1 2 3 0 0 0 1\n\n100.1 4 5 6 0 0 0.7071068 0.7071068\n"
        "100.2 0 0 0 0 0 0 0\n");
  auto entries = clouds({0, 1, 2});
  auto poses = find_cloud_poses(entries);
  ASSERT_TRUE(poses);
  EXPECT_NEAR(poses->pose[1].value()[4], 1, 1e-6) << "a quarter turn about z";
  EXPECT_FALSE(poses->pose[2]) << "tracking was lost";

  entries[0].time_s = 100.115;
  entries[1].time_s = 100.13;
  entries[2].time_s = 100.005;
  poses = find_cloud_poses(entries);
  EXPECT_EQ(origin(poses->pose[0].value()), (Vec3{4, 5, 6}));
  EXPECT_FALSE(poses->pose[1]) << "0.03 s off";
  EXPECT_EQ(origin(poses->pose[2].value()), (Vec3{1, 2, 3}));
}

TEST_F(CloudPosesTest, LinesThatAreNoPoses) {
  const auto entries = clouds({0, 1});
  write("poses.txt", "");
  EXPECT_NE(refusal(entries).find("holds no poses"), std::string::npos);
  write("poses.txt", "1 0 0 5 0 1 0 6 0 0 1 7\n1 2 3\n");
  EXPECT_NE(refusal(entries).find("poses.txt, line 2"), std::string::npos);
  write("poses.txt", "1 0 0 5 0 1 0 six 0 0 1 7\n");
  EXPECT_NE(refusal(entries).find("line 1"), std::string::npos);
  write("poses.txt", "1 0 0 5 0 1 0 6 0 0 1 7\n0 1 2 3 0 0 0 1\n");
  EXPECT_NE(refusal(entries).find("another kind"), std::string::npos);
}

}  // namespace
}  // namespace sluice::stream
