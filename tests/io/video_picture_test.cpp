// Sizes, colours and orientation of the pictures that videos are delivered as.
#include <gtest/gtest.h>

extern "C" {
#include <libavutil/cpu.h>
}

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "stream/io/video_reader.h"
#include "tests/io/clip_maker.h"
#include "tests/io/video_checks.h"

namespace sluice::stream {
namespace {

using test::read_video;
using test::steady;

class VideoPicture : public test::VideoClipTest {};

TEST_F(VideoPicture, TheInstructionSetDoesNotChangeABit) {
  const std::string path = clip("simd.mkv", {.width = 320,
                                             .height = 240,
                                             .codec = "mpeg4",
                                             .pixel_format = "yuv420p",
                                             .pts = steady(5, 40)});
  for (const int side : {0, 100, 384}) {
    const VideoReaderOptions options{.width = side, .height = side};
    const auto fastest = read_video(path, options);
    av_force_cpu_flags(0);
    const auto plain = read_video(path, options);
    av_force_cpu_flags(-1);
    EXPECT_EQ(fastest.digest, plain.digest) << side;
  }
}

TEST_F(VideoPicture, DeliversTheSizeAskedFor) {
  const std::string path = clip("size.mkv", {.width = 64, .height = 48, .pts = {0}});
  const auto size_with = [&](const VideoReaderOptions& options) {
    VideoReader reader(path, options);
    VideoFrame frame;
    EXPECT_TRUE(reader.next(frame));
    EXPECT_EQ(frame.image.width, reader.info().width);
    EXPECT_EQ(frame.image.height, reader.info().height);
    EXPECT_EQ(frame.image.rgb.size(), static_cast<std::size_t>(frame.image.width) *
                                          static_cast<std::size_t>(frame.image.height) * 3);
    return std::pair(frame.image.width, frame.image.height);
  };
  EXPECT_EQ(size_with({}), std::pair(64, 48));
  EXPECT_EQ(size_with({.width = 20, .height = 30}), std::pair(20, 30));
  EXPECT_EQ(size_with({.width = 32}), std::pair(32, 24));
  EXPECT_EQ(size_with({.height = 96}), std::pair(128, 96));
  EXPECT_EQ(size_with({.max_side = 16}), std::pair(16, 12));
  EXPECT_EQ(size_with({.max_side = 1000}), std::pair(64, 48));
  EXPECT_EQ(size_with({.width = 1, .height = 1}), std::pair(1, 1));
}

TEST_F(VideoPicture, ScalingKeepsTheMeanAndTheGradient) {
  const std::string path =
      clip("ramp.mkv", {.width = 640, .height = 480, .pts = {0}}, [](Image& image, int) {
        for (int y = 0; y < image.height; ++y) {
          for (int x = 0; x < image.width; ++x) {
            image.pixel(x, y)[0] = static_cast<std::uint8_t>(x * 255 / 639);
            image.pixel(x, y)[1] = static_cast<std::uint8_t>(y * 255 / 479);
            image.pixel(x, y)[2] = (x + y) % 2 == 0 ? 255 : 0;
          }
        }
      });
  const auto image = read_video(path, {.width = 64, .height = 64}).last;
  for (int i = 0; i < 64; ++i) {
    EXPECT_NEAR(image.pixel(i, 30)[0], (i + 0.5) * 255 / 64, 2);
    EXPECT_NEAR(image.pixel(30, i)[1], (i + 0.5) * 255 / 64, 2);
    // A checkerboard averages out: nothing is skipped on the way down.
    EXPECT_NEAR(image.pixel(i, i)[2], 127, 3);
  }
}

/// Four different corners.
void paint_corners(Image& image, int) {
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      const bool right = x >= image.width / 2, low = y >= image.height / 2;
      image.pixel(x, y)[0] = right ? 200 : 50;
      image.pixel(x, y)[1] = low ? 200 : 50;
      image.pixel(x, y)[2] = 100;
    }
  }
}

class Rotation : public VideoPicture, public testing::WithParamInterface<std::tuple<int, bool>> {};
INSTANTIATE_TEST_SUITE_P(VideoPicture, Rotation,
                         testing::Combine(testing::Values(0, 90, 180, 270), testing::Bool()));

TEST_P(Rotation, IsApplied) {
  const auto [degrees, mirrored] = GetParam();
  const auto upright = read_video(clip("up.mov", {.pts = {0}}, paint_corners)).last;
  const auto read =
      read_video(clip("turned.mov", {.pts = {0}, .rotation_degrees = degrees, .mirrored = mirrored},
                      paint_corners));
  const bool swapped = degrees % 180 != 0;
  ASSERT_EQ(read.last.width, swapped ? upright.height : upright.width);
  ASSERT_EQ(read.last.height, swapped ? upright.width : upright.height);
  EXPECT_EQ(read.info.native_width, read.last.width);
  EXPECT_TRUE(mirrored || read.info.rotation_degrees == degrees);
  // The corners, clockwise from the upper left, move on by one per quarter turn.
  using Colour = std::pair<int, int>;
  std::vector<Colour> corners{{50, 50}, {200, 50}, {200, 200}, {50, 200}};
  if (mirrored) corners = {{200, 50}, {50, 50}, {50, 200}, {200, 200}};
  std::rotate(corners.begin(), corners.end() - degrees / 90, corners.end());
  const int right = read.last.width - 3, low = read.last.height - 3;
  const auto at = [&](int x, int y) {
    return Colour{read.last.pixel(x, y)[0], read.last.pixel(x, y)[1]};
  };
  EXPECT_EQ((std::vector<Colour>{at(2, 2), at(right, 2), at(right, low), at(2, low)}), corners);
}

TEST_F(VideoPicture, ScalesAfterTurning) {
  const auto read =
      read_video(clip("tall.mov", {.width = 64, .height = 48, .pts = {0}, .rotation_degrees = 90}),
                 {.width = 24});
  EXPECT_EQ(read.info.native_width, 48);
  EXPECT_EQ(read.info.native_height, 64);
  EXPECT_EQ(read.last.width, 24);
  EXPECT_EQ(read.last.height, 32);
}

struct Format {
  const char* name;
  bool full_range;
  const char* codec = "ffv1";
};

class PixelFormats : public VideoPicture, public testing::WithParamInterface<Format> {};
INSTANTIATE_TEST_SUITE_P(
    VideoPicture, PixelFormats,
    testing::Values(Format{"yuv420p", false}, Format{"yuv420p", true}, Format{"yuv444p", false},
                    Format{"yuv420p10le", false}, Format{"yuv422p10le", true},
                    Format{"yuv444p16le", false}, Format{"bgr0", true}, Format{"rgb48le", true},
                    Format{"gbrp10le", true}, Format{"yuvj420p", true, "mjpeg"},
                    Format{"yuva420p", false}, Format{"bgra", true}),
    [](const auto& instance) {
      return std::string(instance.param.name) + (instance.param.full_range ? "_full" : "_limited");
    });

TEST_P(PixelFormats, GiveTheColoursPutIn) {
  const auto paint = [](Image& image, int) {
    for (int i = 0; i < image.width * image.height; ++i) {
      std::uint8_t* pixel = image.rgb.data() + 3 * i;
      const bool left = i % image.width < image.width / 2;
      pixel[0] = left ? 230 : 20;
      pixel[1] = left ? 140 : 60;
      pixel[2] = left ? 60 : 200;
    }
  };
  for (const int side : {0, 32}) {
    const auto image = read_video(clip("colours.mkv",
                                       {.codec = GetParam().codec,
                                        .pixel_format = GetParam().name,
                                        .pts = {0},
                                        .full_range = GetParam().full_range},
                                       paint),
                                  {.width = side, .height = side})
                           .last;
    const std::uint8_t* left = image.pixel(image.width / 8, image.height / 2);
    const std::uint8_t* right = image.pixel(image.width * 7 / 8, image.height / 2);
    const int expected_left[] = {230, 140, 60}, expected_right[] = {20, 60, 200};
    for (int c = 0; c < 3; ++c) {
      EXPECT_NEAR(left[c], expected_left[c], 4) << "channel " << c;
      EXPECT_NEAR(right[c], expected_right[c], 4) << "channel " << c;
    }
  }
}

TEST_F(VideoPicture, GreyBecomesRgb) {
  for (const char* format : {"gray", "gray16le"}) {
    const auto image =
        read_video(clip("grey.mkv", {.pixel_format = format, .pts = {0}}, [](Image& picture, int) {
          std::fill(picture.rgb.begin(), picture.rgb.end(), 200);
        })).last;
    for (int c = 0; c < 3; ++c) EXPECT_NEAR(image.pixel(10, 10)[c], 200, 2) << format;
  }
}

}  // namespace
}  // namespace sluice::stream
