#include "stream/io/image_sequence.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "kernels/error.h"
#include "stream/io/video_reader.h"
#include "tests/io/clip_maker.h"
#include "tests/io/temporary_folder.h"
#include "tests/io/video_checks.h"

namespace sluice::stream {
namespace {

class ImageSequence : public testing::Test {
 protected:
  test::TemporaryFolder folder_;

  /// An image that shows `number`.
  void image(const std::string& name, int number, const test::ClipOptions& shape = {}) {
    test::ClipOptions options = shape;
    options.codec = name.ends_with(".jpg") ? "mjpeg" : "png";
    options.pixel_format = name.ends_with(".jpg") ? "yuvj420p" : "rgb24";
    options.full_range = name.ends_with(".jpg");
    options.pts = {0};
    test::make_clip(folder_.file(name), options,
                    [number](Image& picture, int) { test::paint_number(picture, number); });
  }
  std::vector<std::string> names(const std::string& input) {
    std::vector<std::string> found;
    for (const auto& path : list_image_sequence(input)) found.push_back(path.filename().string());
    return found;
  }
  void touch(const std::string& name) { test::write_bytes(folder_.file(name), {'x'}); }
};

TEST_F(ImageSequence, APatternFindsNumbersInOrder) {
  for (const char* name : {"f-000151.png", "f-000150.png", "f-000153.png", "f-1000000.png",
                           "f-12.png", "f-x.png", "g-000150.png", "f-000150.txt"}) {
    touch(name);
  }
  const std::string pattern = folder_.file("f-%06d.png");
  EXPECT_TRUE(is_image_sequence(pattern));
  EXPECT_EQ(names(pattern), (std::vector<std::string>{"f-000150.png", "f-000151.png",
                                                      "f-000153.png", "f-1000000.png"}));
  EXPECT_EQ(names(folder_.file("f-%d.png")).front(), "f-12.png");
}

TEST_F(ImageSequence, AGlobAndAFolderSortNumbersAsNumbers) {
  for (const char* name : {"10.png", "9.png", "1.png"}) touch(name);
  touch("notes.txt");
  const std::vector<std::string> expected{"1.png", "9.png", "10.png"};
  EXPECT_EQ(names(folder_.file("*.png")), expected);
  EXPECT_EQ(names(folder_.path().string()), expected);
}

TEST_F(ImageSequence, AFolderOfSeveralSeriesIsRefused) {
  for (const char* name : {"c-1.png", "c-2.png", "d-1.png", "d-2.png"}) touch(name);
  try {
    (void)list_image_sequence(folder_.path().string());
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("c-#.png (2 files), d-#.png (2 files)"),
              std::string::npos)
        << error.what();
  }
}

TEST_F(ImageSequence, AFileOfThatVeryNameIsNoSequence) {
  touch("odd-%d.png");
  EXPECT_FALSE(is_image_sequence(folder_.file("odd-%d.png")));
  EXPECT_FALSE(is_image_sequence(folder_.file("none.png")));
}

TEST_F(ImageSequence, IsReadAsAVideo) {
  for (int i = 0; i < 12; ++i) image("shot-" + std::to_string(i) + ".png", i + 100);
  const auto read = test::read_video(folder_.file("shot-%d.png"), {.image_rate = 10});
  ASSERT_EQ(read.numbers.size(), 12U);
  for (int i = 0; i < 12; ++i) {
    EXPECT_EQ(read.numbers[static_cast<std::size_t>(i)], i + 100);
    EXPECT_NEAR(read.pts[static_cast<std::size_t>(i)], i * 0.1, 1e-9);
  }
  EXPECT_EQ(read.info.frame_count, 12);
  EXPECT_EQ(read.info.format, "image sequence");
  const auto sampled = test::read_video(folder_.path().string(), {.fps = 5, .image_rate = 10});
  EXPECT_EQ(sampled.numbers, (std::vector<int>{100, 102, 104, 106, 108, 110}));
  const auto counted = test::read_video(folder_.file("*.png"), {.frames = 3});
  EXPECT_EQ(counted.numbers, (std::vector<int>{100, 105, 111}));
  EXPECT_EQ(counted.statistics.decoded, 3);
}

TEST_F(ImageSequence, MixedSizesAndFormatsGoTogetherAndBrokenOnesAreSkipped) {
  image("1.png", 1);
  image("2.jpg", 2, {.width = 160, .height = 120});
  touch("3.png");
  test::write_bytes(folder_.file("4.png"), {});
  image("5.png", 5);
  auto bytes = test::read_bytes(folder_.file("5.png"));
  bytes.resize(30);
  test::write_bytes(folder_.file("5.png"), bytes);
  image("6.png", 6);
  const auto read = test::read_video(folder_.path().string() + "/*.*", {.image_rate = 1});
  EXPECT_EQ(read.numbers, (std::vector<int>{1, 2, 6}));
  EXPECT_EQ(read.pts, (std::vector<double>{0, 1, 5}));
  EXPECT_EQ(read.statistics.skipped_packets, 3);
  EXPECT_EQ(read.statistics.size_changes, 2);
  EXPECT_EQ(read.last.width, 64);
}

TEST_F(ImageSequence, NoReadableImageIsAnError) {
  touch("1.png");
  touch("2.png");
  EXPECT_THROW(VideoReader(folder_.path().string()), Error);
}

TEST_F(ImageSequence, TransparencyIsLaidOverBlack) {
  // Uncompressed TGA, 2×1 pixels of 32 bits: BGRA (100,150,200,128) and (100,150,200,255).
  std::vector<char> tga{0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 32, 8};
  for (const int byte : {100, 150, 200, 128, 100, 150, 200, 255}) {
    tga.push_back(static_cast<char>(byte));
  }
  test::write_bytes(folder_.file("a.tga"), tga);
  const auto image = test::read_video(folder_.file("a.tga")).last;
  ASSERT_EQ(image.width, 2);
  EXPECT_EQ(image.rgb, (std::vector<std::uint8_t>{100, 75, 50, 200, 150, 100}));
}

}  // namespace
}  // namespace sluice::stream
