// Promise 9 for videos: what cannot be read gives a clear error, what can be read is read.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "kernels/error.h"
#include "stream/io/video_reader.h"
#include "tests/io/clip_maker.h"
#include "tests/io/temporary_folder.h"
#include "tests/io/video_checks.h"

namespace sluice::stream {
namespace {

using test::make_clip;
using test::paint_number;
using test::read_video;
using test::steady;

class BadVideo : public testing::Test {
 protected:
  test::TemporaryFolder folder_;

  /// Expects an input error that names the input and says `what`.
  static void expect_input_error(const std::string& input, const std::string& what,
                                 const VideoReaderOptions& options = {}) {
    try {
      VideoReader reader(input, options);
      ADD_FAILURE() << input << " was opened";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::input) << error.what();
      EXPECT_NE(std::string(error.what()).find(what), std::string::npos) << error.what();
    }
  }
  std::string text_file(const std::string& name) {
    std::ofstream(folder_.file(name)) << "This is not a video.\nIt has two lines.\n";
    return folder_.file(name);
  }
};

TEST_F(BadVideo, MissingEmptyAndForeignFiles) {
  expect_input_error(folder_.file("none.mp4"), "no such file");
  expect_input_error("", "empty name");
  test::write_bytes(folder_.file("empty.mp4"), {});
  expect_input_error(folder_.file("empty.mp4"), "is empty");
  expect_input_error(text_file("text.mp4"), "text.mp4");
  expect_input_error(text_file("text.txt"), "text.txt");
  expect_input_error(text_file("text.nfo"), "text.nfo");
  std::filesystem::create_directory(folder_.path() / "folder");
  expect_input_error(folder_.file("folder"), "folder without images");
  expect_input_error(folder_.file("x-%03d.png"), "no file fits");
  expect_input_error(folder_.file("*.png"), "no file fits");
}

TEST_F(BadVideo, NoiseIsNoVideo) {
  std::mt19937 random(5);
  for (const char* name : {"noise.mp4", "noise.mkv", "noise.gif", "noise.png"}) {
    std::vector<char> bytes(50'000);
    for (char& byte : bytes) byte = static_cast<char>(random());
    test::write_bytes(folder_.file(name), bytes);
    expect_input_error(folder_.file(name), name);
  }
}

TEST_F(BadVideo, SoundAlone) {
  // A second of silence: 8000 samples of 8 bits.
  std::string wave(
      "RIFF\x64\x1f\0\0WAVEfmt "
      "\x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data\x40\x1f\0\0",
      44);
  wave.append(8000, '\x80');
  test::write_bytes(folder_.file("sound.wav"), {wave.begin(), wave.end()});
  expect_input_error(folder_.file("sound.wav"), "no video");
}

TEST_F(BadVideo, NothingDecodes) {
  const std::string path = folder_.file("zeroed.avi");
  make_clip(
      path,
      {.codec = "mjpeg", .pixel_format = "yuvj420p", .pts = steady(10, 40), .full_range = true},
      paint_number);
  // Keep the container, wipe the pictures: every JPEG starts with FF D8.
  auto bytes = test::read_bytes(path);
  const char start[] = {'\xff', '\xd8'};
  const auto first = std::search(bytes.begin(), bytes.end(), std::begin(start), std::end(start));
  const char index[] = {'i', 'd', 'x', '1'};
  const auto end = std::search(first, bytes.end(), std::begin(index), std::end(index));
  ASSERT_NE(first, bytes.end());
  for (auto byte = first; byte < end;) {
    const auto jpeg = std::search(byte, end, std::begin(start), std::end(start));
    const char finish[] = {'\xff', '\xd9'};
    const auto jpeg_end = std::search(jpeg, end, std::begin(finish), std::end(finish));
    if (jpeg_end == end) break;
    std::fill(jpeg, jpeg_end + 2, '\0');
    byte = jpeg_end + 2;
  }
  test::write_bytes(path, bytes);
  expect_input_error(path, "nothing in it can be decoded");
}

TEST_F(BadVideo, OptionsThatMakeNoSense) {
  const std::string path = folder_.file("fine.mkv");
  make_clip(path, {.pts = {0}}, paint_number);
  expect_input_error(path, "both", {.fps = 1, .frames = 5});
  expect_input_error(path, "fps", {.fps = 0});
  expect_input_error(path, "fps", {.fps = -3});
  expect_input_error(path, "frames", {.frames = 0});
  expect_input_error(path, "pixels", {.width = -1});
  expect_input_error(path, "pixels", {.width = 100'000});
  expect_input_error(path, "max_side", {.width = 10, .max_side = 20});
  expect_input_error(path, "threads", {.threads = -1});
  expect_input_error(path, "image_rate", {.image_rate = 0});
  expect_input_error(path, "timeout_s", {.timeout_s = 0});
}

TEST_F(BadVideo, ATruncatedFileIsReadAsFarAsItGoes) {
  const std::string path = folder_.file("cut.mkv");
  make_clip(path, {.pts = steady(50, 40)}, paint_number);
  auto bytes = test::read_bytes(path);
  bytes.resize(bytes.size() * 6 / 10);
  test::write_bytes(path, bytes);
  const auto read = read_video(path);
  ASSERT_GT(read.numbers.size(), 20U);
  ASSERT_LT(read.numbers.size(), 40U);
  for (std::size_t i = 0; i + 1 < read.numbers.size(); ++i) {
    EXPECT_EQ(read.numbers[i], static_cast<int>(i));
  }
}

struct Damage {
  const char* name;
  const char* codec;
  const char* pixel_format;
};

class DamagedVideo : public BadVideo, public testing::WithParamInterface<Damage> {};
INSTANTIATE_TEST_SUITE_P(
    BadVideo, DamagedVideo,
    testing::Values(Damage{"a.mkv", "ffv1", "bgr0"}, Damage{"a.mp4", "mpeg4", "yuv420p"},
                    Damage{"a.avi", "mjpeg", "yuvj420p"}, Damage{"a.ts", "mpeg2video", "yuv420p"},
                    Damage{"h264.mkv", "libx264", "yuv420p"}, Damage{"a.gif", "gif", "bgr8"}),
    [](const auto& instance) { return std::string(instance.param.codec); });

TEST_P(DamagedVideo, IsReadToTheEndTheSameWayEveryTime) {
  const Damage& damage = GetParam();
  if (!test::has_encoder(damage.codec)) GTEST_SKIP() << "this FFmpeg has no " << damage.codec;
  const std::string path = folder_.file(damage.name);
  make_clip(path,
            {.codec = damage.codec,
             .pixel_format = damage.pixel_format,
             .ticks_per_second = 25,
             .pts = steady(60, 1),
             .full_range = std::string(damage.codec) == "mjpeg",
             .key_frame_interval = 6},
            paint_number);
  const auto intact = test::read_bytes(path);
  int readable = 0, with_skips = 0, to_the_end = 0;
  for (std::uint64_t seed = 0; seed < 25; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    auto bytes = intact;
    // Beyond the header, which decides whether anything can be read at all.
    for (int i = 0; i < 40; ++i) {
      bytes[bytes.size() / 8 + random() % (bytes.size() * 7 / 8)] = static_cast<char>(random());
    }
    test::write_bytes(path, bytes);
    try {
      const auto first = read_video(path);
      EXPECT_TRUE(std::is_sorted(first.pts.begin(), first.pts.end()));
      EXPECT_GT(first.numbers.size(), 0U);
      EXPECT_EQ(first.statistics.frames, static_cast<std::int64_t>(first.numbers.size()));
      EXPECT_TRUE(first.statistics.skipped_packets == 0 || !first.statistics.notes.empty());
      with_skips += first.statistics.notes.empty() ? 0 : 1;
      EXPECT_EQ(read_video(path).digest, first.digest);
      // Errors come out of the decoder in another way then.
      const auto threaded = read_video(path, {.threads = 2});
      EXPECT_NEAR(threaded.pts.back(), first.pts.back(), 0.2);
      to_the_end += first.pts.back() > 55 / 25.0 ? 1 : 0;
      ++readable;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::input) << error.what();
    }
  }
  EXPECT_GE(readable, 10);
  EXPECT_GE(to_the_end, readable / 2) << "damage in the middle must not end the video";
  EXPECT_GE(with_skips, 1) << "the damage does no harm, so this tests nothing";
}

}  // namespace
}  // namespace sluice::stream
