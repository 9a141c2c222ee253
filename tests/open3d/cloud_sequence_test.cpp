#include "stream/open3d/cloud_sequence.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <initializer_list>
#include <string>
#include <vector>

#include "kernels/error.h"
#include "tests/io/temporary_folder.h"
#include "tests/open3d/cloud_bytes.h"

namespace sluice::stream {
namespace {

class CloudSequence : public testing::Test {
 protected:
  test::TemporaryFolder folder_;

  void touch(std::initializer_list<const char*> names) const {
    for (const char* name : names) test::write_file(folder_.file(name), "");
  }
  [[nodiscard]] static std::vector<std::string> names(const std::vector<CloudEntry>& clouds) {
    std::vector<std::string> all;
    for (const CloudEntry& cloud : clouds) all.push_back(cloud.path.filename().string());
    return all;
  }
  [[nodiscard]] static std::vector<double> times(const std::vector<CloudEntry>& clouds) {
    std::vector<double> all;
    for (const CloudEntry& cloud : clouds) all.push_back(cloud.pts);
    return all;
  }
};

using Names = std::vector<std::string>;
using Times = std::vector<double>;

TEST_F(CloudSequence, FoldersAreOrderedByNumber) {
  touch({"scan-10.ply", "scan-2.PLY", "scan-1.ply", "poses.txt", "scan-2.pose.txt"});
  const auto clouds = list_clouds(folder_.path().string(), 10);
  EXPECT_EQ(names(clouds), (Names{"scan-1.ply", "scan-2.PLY", "scan-10.ply"}));
  EXPECT_EQ(times(clouds), (Times{0, 0.1, 0.9})) << "gaps in numbers are gaps in time";
  EXPECT_EQ(clouds[2].number, 10);
}

TEST_F(CloudSequence, NamesMayBeTimes) {
  touch({"1305031102.175304.pcd", "1305031102.275304.pcd"});
  const auto clouds = list_clouds(folder_.path().string(), 10);
  EXPECT_NEAR(clouds[1].pts, 0.1, 1e-6);
  EXPECT_NEAR(clouds[0].time_s.value(), 1305031102.175304, 1e-6);
}

TEST_F(CloudSequence, WithoutNumbersByOrder) {
  touch({"kitchen.ply", "bath.ply"});
  const auto clouds = list_clouds(folder_.path().string(), 4);
  EXPECT_EQ(names(clouds), (Names{"bath.ply", "kitchen.ply"}));
  EXPECT_EQ(times(clouds), (Times{0, 0.25}));
  EXPECT_FALSE(clouds[0].number);
}

TEST_F(CloudSequence, GlobsAndSingleFiles) {
  touch({"left-1.ply", "left-2.ply", "right-1.ply", "right-2.ply", "notes.txt"});
  EXPECT_EQ(names(list_clouds(folder_.file("right-*.ply"), 10)),
            (Names{"right-1.ply", "right-2.ply"}));
  EXPECT_EQ(names(list_clouds(folder_.file("left-2.ply"), 10)), Names{"left-2.ply"});
  EXPECT_THROW((void)list_clouds(folder_.path().string(), 10), Error) << "two series";
  EXPECT_THROW((void)list_clouds(folder_.file("up-*.ply"), 10), Error);
  EXPECT_THROW((void)list_clouds(folder_.file("missing.ply"), 10), Error);
  for (const double rate : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN()})
    EXPECT_THROW((void)list_clouds(folder_.file("left-2.ply"), rate), Error);
}

TEST_F(CloudSequence, TellsCloudsFromOtherInput) {
  EXPECT_FALSE(is_cloud_input(folder_.path().string()));
  EXPECT_TRUE(is_cloud_input("scans/*.pcd"));
  EXPECT_TRUE(is_cloud_input("a.ply"));
  EXPECT_FALSE(is_cloud_input("a.mp4"));
  touch({"a.ply"});
  EXPECT_TRUE(is_cloud_input(folder_.path().string()));
}

}  // namespace
}  // namespace sluice::stream
