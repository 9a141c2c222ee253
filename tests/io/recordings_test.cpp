// Real recordings, where they are present.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "kernels/error.h"
#include "stream/io/video_reader.h"
#include "tests/io/video_checks.h"

namespace sluice::stream {
namespace {

class Recordings : public testing::Test {
 protected:
  void SetUp() override {
    if (test::recordings().empty()) {
      GTEST_SKIP() << "no recordings here: set SLUICE_TEST_RECORDINGS to their folder";
    }
  }
  static std::string path(const std::string& name) {
    const auto file = test::recordings() / name;
    return file.string();
  }
};

TEST_F(Recordings, ADamagedFileIsReadToItsEnd) {
  const auto read = test::read_video(path("corrupted.mp4"), {.max_side = 96});
  EXPECT_EQ(read.statistics.frames, 49);
  EXPECT_GE(read.statistics.skipped_packets, 1);
  EXPECT_FALSE(read.statistics.notes.empty());
  EXPECT_NEAR(read.pts.back(), 4.9, 1e-6);
  EXPECT_EQ(test::read_video(path("corrupted.mp4"), {.max_side = 96}).digest, read.digest);
}

TEST_F(Recordings, FixedCameraVideo) {
  const auto read = test::read_video(path("clouds.mp4"), {.fps = 10, .max_side = 96});
  EXPECT_EQ(read.pts.size(), 32U);
  EXPECT_EQ(read.statistics.decoded, 96);
  EXPECT_TRUE(read.statistics.notes.empty());
  EXPECT_EQ(test::read_video(path("clouds.mp4"), {.fps = 10, .max_side = 96, .threads = 2}).digest,
            read.digest);
}

TEST_F(Recordings, MovingCameraVideo) {
  const auto read =
      test::read_video(path("pancake.mkv"), {.frames = 16, .width = 64, .height = 64});
  EXPECT_EQ(read.pts.size(), 16U);
  EXPECT_EQ(read.pts.front(), 0);
  EXPECT_NEAR(read.pts.back(), 10.3, 0.001);
}

TEST_F(Recordings, Gif) {
  const auto read = test::read_video(path("robot_can.gif"));
  EXPECT_EQ(read.pts.size(), 144U);
  EXPECT_NEAR(read.pts.back(), 14.3, 1e-6);
}

TEST_F(Recordings, ImageSequence) {
  const auto read = test::read_video(path("kitchen_rgbd/frame-%06d.color.png"), {.max_side = 80});
  EXPECT_EQ(read.pts.size(), 20U);
  EXPECT_EQ(read.last.height, 60);
  EXPECT_THROW(VideoReader(path("kitchen_rgbd")), Error) << "colour and depth are two series";
}

}  // namespace
}  // namespace sluice::stream
