// Videos written here must come back through the decoder: pictures, times, whatever happens.
#include "stream/io/video_writer.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kernels/error.h"
#include "stream/io/video_reader.h"

namespace sluice::stream {
namespace {

namespace fs = std::filesystem;

class VideoWriterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::temp_directory_path() /
              ("sluice-video-" + std::to_string(getpid()) + "-" + info->name());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  [[nodiscard]] fs::path file(const std::string& name = "video.mp4") const {
    return folder_ / name;
  }
  [[nodiscard]] std::ptrdiff_t file_count() const {
    return std::distance(fs::directory_iterator(folder_), fs::directory_iterator());
  }

  fs::path folder_;
};

/// A smooth picture with a bar that moves with `step`.
Image picture(int width, int height, int step) {
  Image image;
  image.resize(width, height);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const bool bar = (x + 4 * step) % width < width / 4;
      std::uint8_t* pixel = image.pixel(x, y);
      pixel[0] = static_cast<std::uint8_t>(40 + 150 * x / width);
      pixel[1] = static_cast<std::uint8_t>(60 + 120 * y / height);
      pixel[2] = static_cast<std::uint8_t>(bar ? 200 : 80);
    }
  }
  return image;
}

/// Incompressible, the same for the same step.
Image noise(int width, int height, unsigned step) {
  Image image;
  image.resize(width, height);
  unsigned state = 12345 + step;
  for (std::uint8_t& value : image.rgb) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<std::uint8_t>(state >> 24);
  }
  return image;
}

/// Peak signal-to-noise ratio over the part both pictures have.
double psnr(const Image& a, const Image& b) {
  double squares = 0, count = 0;
  for (int y = 0; y < std::min(a.height, b.height); ++y) {
    for (int x = 0; x < std::min(a.width, b.width); ++x) {
      for (int c = 0; c < 3; ++c, ++count) {
        const double difference = a.pixel(x, y)[c] - b.pixel(x, y)[c];
        squares += difference * difference;
      }
    }
  }
  return 10 * std::log10(255.0 * 255.0 * count / squares);
}

std::vector<VideoFrame> read_all(const fs::path& path) {
  VideoReader reader(path.string());
  std::vector<VideoFrame> frames;
  VideoFrame frame;
  while (reader.next(frame)) frames.push_back(frame);
  EXPECT_EQ(reader.statistics().skipped_packets, 0);
  return frames;
}

std::string bytes_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::optional<Error::Kind> error_of(const auto& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.kind();
  }
  return std::nullopt;
}

TEST_F(VideoWriterTest, PicturesComeBack) {
  VideoWriter writer(file(), {.width = 96, .height = 64});
  for (int i = 0; i < 40; ++i) writer.write(picture(96, 64, i), i / 30.0);
  EXPECT_FALSE(fs::exists(file()));  // not before it is complete
  writer.finish();
  EXPECT_EQ(writer.frames(), 40);
  EXPECT_EQ(file_count(), 1);

  const auto frames = read_all(file());
  ASSERT_EQ(frames.size(), 40u);
  for (int i = 0; i < 40; ++i) {
    const VideoFrame& frame = frames[static_cast<std::size_t>(i)];
    EXPECT_GT(psnr(frame.image, picture(96, 64, i)), 30) << i;
    EXPECT_NEAR(frame.pts, i / 30.0, 1e-5);
  }
}

TEST_F(VideoWriterTest, VariableFrameRateKeepsItsTimes) {
  const std::vector<double> times = {0, 0.01, 0.25, 0.2611, 1.0, 3.5};
  {
    VideoWriter writer(file(), {.width = 64, .height = 64});
    for (std::size_t i = 0; i < times.size(); ++i) {
      writer.write(picture(64, 64, static_cast<int>(i)), times[i]);
    }
  }
  const auto frames = read_all(file());
  ASSERT_EQ(frames.size(), times.size());
  for (std::size_t i = 0; i < times.size(); ++i) EXPECT_NEAR(frames[i].pts, times[i], 2e-5);
}

TEST_F(VideoWriterTest, OddSizesArePadded) {
  for (const auto& [width, height] : {std::pair{33, 31}, {32, 17}, {17, 32}}) {
    {
      VideoWriter writer(file(), {.width = width, .height = height});
      for (int i = 0; i < 3; ++i) writer.write(picture(width, height, i), i / 30.0);
    }
    const auto frames = read_all(file());
    ASSERT_EQ(frames.size(), 3u);
    EXPECT_EQ(frames[0].image.width, width + width % 2);
    EXPECT_EQ(frames[0].image.height, height + height % 2);
    EXPECT_GT(psnr(frames[1].image, picture(width, height, 1)), 26);
  }
}

TEST_F(VideoWriterTest, DestructionFinishesTheFile) {
  {
    VideoWriter writer(file(), {.width = 64, .height = 64});
    for (int i = 0; i < 5; ++i) writer.write(picture(64, 64, i), i);
  }
  EXPECT_EQ(read_all(file()).size(), 5u);
  EXPECT_EQ(file_count(), 1);
}

TEST_F(VideoWriterTest, FinishingTwiceIsFinishingOnce) {
  VideoWriter writer(file(), {.width = 64, .height = 64});
  writer.write(picture(64, 64, 0), 0);
  writer.finish();
  const std::string once = bytes_of(file());
  writer.finish();
  EXPECT_EQ(bytes_of(file()), once);
  EXPECT_EQ(error_of([&] { writer.write(picture(64, 64, 1), 1); }), Error::Kind::system);
}

TEST_F(VideoWriterTest, NoFramesLeaveNoFile) {
  VideoWriter(file(), {.width = 64, .height = 64}).finish();
  EXPECT_EQ(file_count(), 0);
}

TEST_F(VideoWriterTest, TheIndexComesFirst) {
  {
    VideoWriter writer(file(), {.width = 64, .height = 64});
    for (int i = 0; i < 5; ++i) writer.write(picture(64, 64, i), i);
  }
  const std::string bytes = bytes_of(file());
  ASSERT_NE(bytes.find("moov"), std::string::npos);
  EXPECT_LT(bytes.find("moov"), bytes.find("mdat"));
}

TEST_F(VideoWriterTest, SameFramesGiveSameBytes) {
  for (const char* name : {"a.mp4", "b.mp4"}) {
    VideoWriter writer(file(name), {.width = 64, .height = 64});
    for (unsigned i = 0; i < 30; ++i) writer.write(noise(64, 64, i), i / 30.0);
  }
  EXPECT_EQ(bytes_of(file("a.mp4")), bytes_of(file("b.mp4")));
}

TEST_F(VideoWriterTest, QualityCostsBytes) {
  std::vector<std::uintmax_t> sizes;
  for (const int crf : {10, 23, 40}) {
    {
      VideoWriter writer(file(), {.width = 64, .height = 64, .crf = crf});
      for (unsigned i = 0; i < 10; ++i) writer.write(noise(64, 64, i), i / 30.0);
    }
    sizes.push_back(fs::file_size(file()));
  }
  EXPECT_GT(sizes[0], sizes[1]);
  EXPECT_GT(sizes[1], sizes[2]);
}

TEST_F(VideoWriterTest, BadInputIsRefusedAndTheVideoGoesOn) {
  VideoWriter writer(file(), {.width = 64, .height = 64});
  writer.write(picture(64, 64, 0), 1);
  EXPECT_EQ(error_of([&] { writer.write(picture(64, 62, 0), 2); }), Error::Kind::input);
  EXPECT_EQ(error_of([&] { writer.write(picture(64, 64, 0), 1); }), Error::Kind::input);
  EXPECT_EQ(error_of([&] { writer.write(picture(64, 64, 0), std::nan("")); }), Error::Kind::input);
  writer.write(picture(64, 64, 1), 2);
  writer.finish();
  EXPECT_EQ(read_all(file()).size(), 2u);
}

TEST_F(VideoWriterTest, BadOptionsAreRefused) {
  const auto open = [&](const VideoWriterOptions& options) {
    return error_of([&] { VideoWriter(file(), options); });
  };
  EXPECT_EQ(open({.width = 0, .height = 64}), Error::Kind::input);
  EXPECT_EQ(open({.width = 64, .height = 64, .frame_rate = 0}), Error::Kind::input);
  EXPECT_EQ(open({.width = 64, .height = 64, .crf = 52}), Error::Kind::input);
  EXPECT_EQ(open({.width = 64, .height = 64, .preset = "no such"}), Error::Kind::input);
  EXPECT_EQ(open({.width = 64, .height = 64, .threads = 0}), Error::Kind::input);
  EXPECT_EQ(file_count(), 0);
  EXPECT_EQ(
      error_of([&] { VideoWriter(folder_ / "none" / "video.mp4", {.width = 64, .height = 64}); }),
      Error::Kind::input);
}

TEST_F(VideoWriterTest, AFullDiskIsAnErrorAndLeavesTheOldFile) {
  {
    VideoWriter writer(file(), {.width = 64, .height = 64});
    for (int i = 0; i < 4; ++i) writer.write(picture(64, 64, i), i);
  }
  const std::string before = bytes_of(file());
  // A limit on the file's size stands in for the disk's.
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit tight{64 * 1024, limit.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);
  const auto error = error_of([&] {
    VideoWriter writer(file(), {.width = 64, .height = 64, .crf = 5});
    for (unsigned i = 0; i < 120; ++i) writer.write(noise(64, 64, i), i / 30.0);
    writer.finish();
  });
  setrlimit(RLIMIT_FSIZE, &limit);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(error, Error::Kind::system);
  EXPECT_EQ(bytes_of(file()), before);
  EXPECT_EQ(file_count(), 1);
}

}  // namespace
}  // namespace sluice::stream
