// The video token source must give what reading and tokenizing one after the other gives, whatever
// the threads do.
#include "stream/io/video_token_source.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "kernels/error.h"
#include "stream/io/image_writer.h"
#include "stream/io/video_writer.h"
#include "tests/io/temporary_folder.h"

namespace sluice::stream {
namespace {

constexpr int frames_written = 40;

Image picture(int step) {
  Image image;
  image.resize(160, 120);
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      std::uint8_t* p = image.pixel(x, y);
      const bool bar = x >= 3 * step && x < 3 * step + 20;
      p[0] = static_cast<std::uint8_t>(bar ? 230 : x);
      p[1] = static_cast<std::uint8_t>(bar ? 200 : y);
      p[2] = static_cast<std::uint8_t>(bar ? 30 : 128 + 60 * std::sin(0.2 * (x + y)));
    }
  }
  return image;
}

class VideoTokenSourceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    VideoWriter writer(video_, {.width = 160, .height = 120, .frame_rate = 20});
    for (int i = 0; i < frames_written; ++i) writer.write(picture(i), i / 20.0);
    writer.finish();
  }

  test::TemporaryFolder folder_;
  const std::string video_ = folder_.file("video.mp4");
};

TEST_F(VideoTokenSourceTest, EqualsReadingThenTokenizing) {
  for (const int ahead : {1, 2, 7}) {
    VideoTokenOptions options;
    options.video.fps = 10;
    options.tokenizer = {.grid_rows = 6, .grid_cols = 8};
    options.pictures_ahead = ahead;
    VideoTokenSource source(video_, options);
    Tokenizer tokenizer(options.tokenizer);
    VideoReader reader(video_, {.fps = 10,
                                .width = tokenizer.options().working_width,
                                .height = tokenizer.options().working_height});
    VideoFrame expected;
    FeatureFrame frame;
    kernels::Tensor features;
    std::int64_t count = 0;
    while (reader.next(expected)) {
      ASSERT_TRUE(source.next(frame));
      tokenizer.tokenize(expected.image, features);
      EXPECT_TRUE(std::ranges::equal(frame.features.as<float>(), features.as<float>()));
      EXPECT_EQ(frame.index, count++);
      EXPECT_EQ(frame.pts, expected.pts);
      EXPECT_FALSE(frame.attention.defined());
    }
    EXPECT_EQ(count, frames_written / 2);
    EXPECT_FALSE(source.next(frame));
    EXPECT_FALSE(source.next(frame));
    EXPECT_EQ(source.statistics().frames, count);
    EXPECT_EQ(source.statistics().decoded, reader.statistics().decoded);
  }
}

TEST_F(VideoTokenSourceTest, DescribesItself) {
  VideoTokenOptions options;
  options.source_id = "wrist";
  options.tokenizer = {.grid_rows = 6, .grid_cols = 8};
  const VideoTokenSource source(video_, options);
  EXPECT_EQ(source.source().id, "wrist");
  EXPECT_EQ(source.source().grid_rows, 6);
  EXPECT_EQ(source.source().grid_cols, 8);
  EXPECT_EQ(source.source().image_width, 160);
  EXPECT_EQ(source.source().image_height, 120);
  EXPECT_EQ(source.source().feature_width, 256);
  EXPECT_TRUE(source.is_recording());
  ASSERT_TRUE(source.frame_count().has_value());
  EXPECT_EQ(*source.frame_count(), frames_written);
  EXPECT_EQ(source.video().codec, "h264");
}

TEST_F(VideoTokenSourceTest, ReusesTheMemoryOfTheFrame) {
  VideoTokenSource source(video_);
  FeatureFrame frame;
  ASSERT_TRUE(source.next(frame));
  const void* memory = frame.features.data();
  frame.attention.reshape(kernels::DType::f32, {196});
  ASSERT_TRUE(source.next(frame));
  EXPECT_EQ(frame.features.data(), memory);
  EXPECT_FALSE(frame.attention.defined());
}

TEST_F(VideoTokenSourceTest, CanBeAbandonedAtAnyTime) {
  for (int taken = 0; taken < 6; ++taken) {
    VideoTokenOptions options;
    options.pictures_ahead = 1 + taken % 3;
    VideoTokenSource source(video_, options);
    FeatureFrame frame;
    for (int i = 0; i < taken; ++i) ASSERT_TRUE(source.next(frame));
  }
}

TEST_F(VideoTokenSourceTest, EndsOnceStopIsSet) {
  std::atomic<bool> stop = false;
  VideoTokenOptions options;
  options.video.stop = &stop;
  VideoTokenSource source(video_, options);
  FeatureFrame frame;
  ASSERT_TRUE(source.next(frame));
  stop = true;
  EXPECT_FALSE(source.next(frame));
  EXPECT_FALSE(source.next(frame));
}

TEST_F(VideoTokenSourceTest, PassesOnWhatTheReaderThrows) {
  EXPECT_THROW(VideoTokenSource(folder_.file("absent.mp4")), Error);
  const std::string garbage = folder_.file("garbage.mp4");
  std::ofstream(garbage) << "this is not a video";
  EXPECT_THROW(VideoTokenSource{garbage}, Error);
  VideoTokenOptions options;
  options.video.fps = -1;
  EXPECT_THROW(VideoTokenSource(video_, options), Error);
}

TEST_F(VideoTokenSourceTest, RejectsBadOptions) {
  VideoTokenOptions sized;
  sized.video.width = 100;
  EXPECT_THROW(VideoTokenSource(video_, sized), Error);
  VideoTokenOptions no_queue;
  no_queue.pictures_ahead = 0;
  EXPECT_THROW(VideoTokenSource(video_, no_queue), Error);
  VideoTokenOptions no_grid;
  no_grid.tokenizer.grid_rows = 0;
  EXPECT_THROW(VideoTokenSource(video_, no_grid), Error);
}

TEST_F(VideoTokenSourceTest, DeliversWhatASeveredFileStillHolds) {
  const std::string cut = folder_.file("cut.mp4");
  std::filesystem::copy_file(video_, cut);
  std::filesystem::resize_file(cut, std::filesystem::file_size(cut) * 2 / 3);
  VideoTokenSource source(cut);
  FeatureFrame frame;
  std::int64_t count = 0;
  while (source.next(frame)) ++count;
  EXPECT_GT(count, 0);
  EXPECT_LT(count, frames_written);
  EXPECT_EQ(source.statistics().frames, count);
}

std::filesystem::path recordings() {
  if (const char* folder = std::getenv("SLUICE_TEST_RECORDINGS")) return folder;
  return std::filesystem::path(SLUICE_SOURCE_DIR) / ".." / "shared" / "data";
}

TEST(VideoTokenSourceRecordings, DamagedFileIsReadToItsEnd) {
  const auto path = recordings() / "corrupted.mp4";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no recordings";
  VideoTokenSource source(path.string());
  FeatureFrame frame;
  std::int64_t count = 0;
  while (source.next(frame)) ++count;
  EXPECT_GT(count, 0);
}

}  // namespace
}  // namespace sluice::stream
