// Frames, times and sizes of intact videos.
#include "stream/io/video_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <string>
#include <tuple>
#include <vector>

#include "kernels/error.h"
#include "tests/io/clip_maker.h"
#include "tests/io/temporary_folder.h"
#include "tests/io/video_checks.h"

namespace sluice::stream {
namespace {

using test::make_clip;
using test::paint_number;
using test::read_video;
using test::steady;

class VideoReaderTest : public test::VideoClipTest {};

std::vector<int> range(int count) {
  std::vector<int> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

TEST_F(VideoReaderTest, GivesEveryFrameOnceAtItsTime) {
  const std::vector<std::int64_t> pts{0, 40, 41, 200, 233, 1000, 1001, 4000};
  const auto read = read_video(clip("vfr.mkv", {.pts = pts}));
  EXPECT_EQ(read.numbers, range(8));
  for (std::size_t i = 0; i < pts.size(); ++i) {
    EXPECT_NEAR(read.pts[i], static_cast<double>(pts[i]) / 1000, 1e-9);
  }
  EXPECT_EQ(read.statistics.frames, 8);
  EXPECT_EQ(read.statistics.decoded, 8);
  EXPECT_EQ(read.statistics.skipped_packets, 0);
  EXPECT_TRUE(read.statistics.notes.empty()) << read.statistics.notes.front();
  EXPECT_EQ(read.info.codec, "ffv1");
  EXPECT_EQ(read.info.native_width, 64);
  EXPECT_EQ(read.info.native_height, 48);
  EXPECT_TRUE(read.info.is_recording);
}

TEST_F(VideoReaderTest, CountsTimeFromTheStreamsStart) {
  const auto read = read_video(clip("late.mkv", {.pts = {5000, 5040, 5080}}));
  ASSERT_EQ(read.pts.size(), 3U);
  EXPECT_NEAR(read.pts[0], 0, 1e-9);
  EXPECT_NEAR(read.pts[2], 0.08, 1e-9);
}

TEST_F(VideoReaderTest, ReorderedFramesComeInOrder) {
  const auto read = read_video(
      clip("b.mp4",
           {.codec = "mpeg4", .pixel_format = "yuv420p", .pts = steady(30, 40), .b_frames = 2}));
  EXPECT_EQ(read.numbers, range(30));
  EXPECT_TRUE(std::is_sorted(read.pts.begin(), read.pts.end()));
  EXPECT_NEAR(read.pts.back(), 29 * 0.04, 1e-9);
}

TEST_F(VideoReaderTest, SamplesByRateUnderVariableFrameRate) {
  // Shown at 0, 0.5, 1, 1.5, 2 s: the frames of 0, 0.4, 0.9, 0.9 (taken already) and 2.0 s.
  const std::string path =
      clip("vfr.mkv", {.pts = {0, 100, 400, 600, 900, 1600, 1700, 2000, 2100}});
  const auto read = read_video(path, {.fps = 2});
  EXPECT_EQ(read.numbers, (std::vector<int>{0, 2, 4, 7}));
  EXPECT_EQ(read.statistics.decoded, 9);
}

TEST_F(VideoReaderTest, SamplesByNumberAsLinspaceDoes) {
  const std::string path = clip("count.mp4", {.codec = "mpeg4",
                                              .pixel_format = "yuv420p",
                                              .ticks_per_second = 30,
                                              .pts = steady(100, 1),
                                              .b_frames = 2});
  for (const int wanted : {1, 2, 7, 50, 99, 100, 150}) {
    const auto read = read_video(path, {.frames = wanted});
    const int count = std::min(wanted, 100);
    std::vector<int> expected;
    for (int i = 0; i < count; ++i) expected.push_back(count == 1 ? 0 : i * 99 / (count - 1));
    EXPECT_EQ(read.numbers, expected) << wanted;
    EXPECT_EQ(read.info.frame_count, count);
  }
}

TEST_F(VideoReaderTest, SparseSamplingDecodesOnlyWhatItNeeds) {
  const std::string path = clip("sparse.mkv", {.codec = "mpeg4",
                                               .pixel_format = "yuv420p",
                                               .pts = steady(600, 40),
                                               .key_frame_interval = 10,
                                               .b_frames = 0});
  const auto sparse = read_video(path, {.frames = 4});
  EXPECT_EQ(sparse.numbers, (std::vector<int>{0, 199, 399, 599}));
  EXPECT_LT(sparse.statistics.decoded, 50);
  // The pictures are the same as those of decoding everything.
  VideoReader reader(path);
  VideoFrame frame;
  while (reader.next(frame) && frame.index < 599) {
  }
  EXPECT_EQ(frame.image.rgb, sparse.last.rgb);
}

TEST_F(VideoReaderTest, LeavingOutAStretchIsNoBreakInTime) {
  // In MPEG-TS a step of more than 10 s counts as a break, unless we made it ourselves.
  const std::string path = clip("long.ts", {.codec = "mpeg2video",
                                            .pixel_format = "yuv420p",
                                            .ticks_per_second = 25,
                                            .pts = steady(1000, 1)});
  const auto read = read_video(path, {.frames = 3});
  ASSERT_EQ(read.pts.size(), 3U);
  EXPECT_LT(read.statistics.decoded, 100);
  EXPECT_EQ(read.numbers, (std::vector<int>{0, 499, 999}));
  EXPECT_NEAR(read.pts[2], 999 / 25.0, 1e-3);
}

class Codecs : public VideoReaderTest, public testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(VideoReaderTest, Codecs,
                         testing::Values("libx264", "libx265", "mpeg2video", "libvpx-vp9"),
                         [](const auto& instance) {
                           std::string name = instance.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST_P(Codecs, SparseSamplingGivesTheSamePicturesAsDecodingEverything) {
  const std::string codec = GetParam();
  if (!test::has_encoder(codec)) GTEST_SKIP() << "this FFmpeg has no " << codec;
#ifdef __SANITIZE_ADDRESS__
  if (codec == "libx265") GTEST_SKIP() << "libx265 leaks memory of its own";
#endif
  const std::string path = clip("codec.mkv", {.codec = codec,
                                              .pixel_format = "yuv420p",
                                              .ticks_per_second = 25,
                                              .pts = steady(120, 1),
                                              .key_frame_interval = 12,
                                              .b_frames = codec == "libvpx-vp9" ? 0 : 2});
  VideoReader everything(path);
  std::vector<Image> all;
  VideoFrame frame;
  while (everything.next(frame)) all.push_back(frame.image);
  ASSERT_EQ(all.size(), 120U);
  VideoReader sparse(path, {.frames = 6});
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(sparse.next(frame));
    EXPECT_NEAR(frame.pts, i * 119 / 5 * 0.04, 0.0011);
    EXPECT_EQ(frame.image.rgb, all[static_cast<std::size_t>(i * 119 / 5)].rgb) << i;
  }
  EXPECT_FALSE(sparse.next(frame));
}

TEST_F(VideoReaderTest, ThreadsAndRepetitionDoNotChangeABit) {
  const std::string path =
      clip("threads.mkv", {.codec = "mpeg4", .pixel_format = "yuv420p", .pts = steady(40, 40)});
  const auto once = read_video(path, {.width = 40, .height = 40, .threads = 1});
  for (const int threads : {1, 2, 4, 0}) {
    EXPECT_EQ(read_video(path, {.width = 40, .height = 40, .threads = threads}).digest,
              once.digest);
  }
}

TEST_F(VideoReaderTest, AnAnimatedGifKeepsItsTimes) {
  const auto read = read_video(clip(
      "a.gif",
      {.codec = "gif", .pixel_format = "bgr8", .ticks_per_second = 100, .pts = {0, 10, 30, 80}}));
  EXPECT_EQ(read.numbers, range(4));
  ASSERT_EQ(read.pts.size(), 4U);
  EXPECT_NEAR(read.pts[1], 0.1, 1e-9);
  EXPECT_NEAR(read.pts[3], 0.8, 1e-9);
}

TEST_F(VideoReaderTest, MissingTimeStampsAreDerived) {
  // Bare streams without a container have none, or a few.
  for (const auto& [name, codec] :
       {std::pair("bare.m2v", "mpeg2video"), {"bare.h264", "libx264"}}) {
    if (!test::has_encoder(codec)) continue;
    const auto read = read_video(clip(
        name,
        {.codec = codec, .pixel_format = "yuv420p", .ticks_per_second = 25, .pts = steady(20, 1)}));
    EXPECT_EQ(read.numbers, range(20)) << name;
    for (std::size_t i = 0; i < read.pts.size(); ++i) {
      EXPECT_NEAR(read.pts[i], static_cast<double>(i) / 25, 1e-3) << name;
    }
    ASSERT_EQ(read.statistics.notes.size(), 1U) << name;
    EXPECT_NE(read.statistics.notes[0].find("missing time stamps"), std::string::npos);
  }
}

TEST_F(VideoReaderTest, AChangeOfSizeIsScaledToTheSizeBefore) {
  // MPEG-TS streams can be joined by joining the files.
  const auto small = test::read_bytes(clip("small.ts", {.width = 64,
                                                        .height = 48,
                                                        .codec = "mpeg2video",
                                                        .pixel_format = "yuv420p",
                                                        .ticks_per_second = 25,
                                                        .pts = steady(25, 1)}));
  const auto large =
      test::read_bytes(clip("large.ts",
                            {.width = 160,
                             .height = 128,
                             .codec = "mpeg2video",
                             .pixel_format = "yuv420p",
                             .ticks_per_second = 25,
                             .pts = steady(25, 1)},
                            [](Image& image, int frame) { paint_number(image, frame + 25); }));
  auto joined = small;
  joined.insert(joined.end(), large.begin(), large.end());
  const std::string path = folder_.file("joined.ts");
  test::write_bytes(path, joined);

  VideoReader reader(path);
  VideoFrame frame;
  std::vector<double> pts;
  std::vector<int> numbers;
  while (reader.next(frame)) {
    ASSERT_EQ(frame.image.width, 64);
    ASSERT_EQ(frame.image.height, 48);
    pts.push_back(frame.pts);
    numbers.push_back(test::read_number(frame.image));
  }
  // Time stamps start again in the second half; the time line goes on.
  EXPECT_TRUE(std::is_sorted(pts.begin(), pts.end(), std::less_equal<>()));
  EXPECT_GT(pts.back(), 1.5);
  EXPECT_LT(pts.back(), 2.5);
  EXPECT_EQ(numbers.back(), 49);
  EXPECT_GE(numbers.size(), 48U);
  EXPECT_EQ(reader.statistics().size_changes, 1);
  EXPECT_FALSE(reader.statistics().notes.empty());
}

TEST_F(VideoReaderTest, StopEndsReading) {
  const std::string path = clip("stop.mkv", {.pts = steady(100, 40)});
  std::atomic<bool> stop = false;
  VideoReader reader(path, {.stop = &stop});
  VideoFrame frame;
  EXPECT_TRUE(reader.next(frame));
  stop = true;
  EXPECT_FALSE(reader.next(frame));
}

}  // namespace
}  // namespace sluice::stream
