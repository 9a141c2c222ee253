#include "stream/io/still_image.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tests/io/rgbd_checks.h"
#include "tests/io/rgbd_samples.h"

namespace sluice::stream {
namespace {

class StillImage : public testing::Test {
 protected:
  test::TemporaryFolder folder_;
  StillImageReader reader_;

  std::string noisy_picture(const std::string& name, int width = 37, int height = 29) {
    Image image;
    image.resize(width, height);
    unsigned state = 1;
    for (auto& byte : image.rgb)
      byte = static_cast<std::uint8_t>((state = state * 747796405U + 1) >> 24);
    test::write_bytes(folder_.file(name),
                      name.ends_with(".png") ? encode_png(image) : encode_jpeg(image));
    return folder_.file(name);
  }
  std::string noisy_depth(const std::string& name, int width = 37, int height = 29) {
    test::write_depth(folder_.file(name), width, height, [](int x, int y) {
      return static_cast<std::uint16_t>(x * 1771 + y * 40503);
    });
    return folder_.file(name);
  }
  /// As a new file: rewriting one in place waits for the disk.
  static void replace(const std::string& path, const std::vector<char>& bytes) {
    std::filesystem::remove(path);
    test::write_bytes(path, bytes);
  }
  template <typename Picture>
  std::string error_of(const std::string& path) {
    return test::input_error_of([&] {
      Picture picture;
      reader_.read(path, picture);
    });
  }
};

TEST_F(StillImage, PngComesBackExactly) {
  const std::string path = noisy_picture("a.png");
  Image read;
  reader_.read(path, read);
  EXPECT_EQ(read.width, 37);
  EXPECT_EQ(read.height, 29);
  Image again;
  again.resize(100, 100);
  reader_.read(path, again);
  EXPECT_EQ(again.rgb, read.rgb) << "into a picture of another size";
  unsigned state = 1;
  for (const auto byte : read.rgb)
    ASSERT_EQ(byte, static_cast<std::uint8_t>((state = state * 747796405U + 1) >> 24));
}

TEST_F(StillImage, JpegIsReadWhateverItsName) {
  test::write_picture(folder_.file("a.jpg"), 64, 48, 341);
  std::filesystem::rename(folder_.file("a.jpg"), folder_.file("b.png"));
  Image read;
  reader_.read(folder_.file("b.png"), read);
  EXPECT_EQ(read.width, 64);
  EXPECT_EQ(test::read_number(read), 341);
}

TEST_F(StillImage, GreyIsColourToo) {
  test::write_bytes(folder_.file("grey.png"),
                    encode_png(std::vector<std::uint8_t>{0, 7, 128, 255}, 2, 2));
  Image read;
  reader_.read(folder_.file("grey.png"), read);
  EXPECT_EQ(read.rgb, (std::vector<std::uint8_t>{0, 0, 0, 7, 7, 7, 128, 128, 128, 255, 255, 255}));
}

TEST_F(StillImage, DepthComesBackExactly) {
  const std::vector<std::uint16_t> values{0, 1, 255, 256, 1000, 43981, 65534, 65535};
  test::write_bytes(folder_.file("depth.png"), encode_png(values, 4, 2));
  RawDepth depth;
  reader_.read(folder_.file("depth.png"), depth);
  EXPECT_EQ(depth.width, 4);
  EXPECT_EQ(depth.height, 2);
  EXPECT_EQ(depth.bits, 16);
  EXPECT_EQ(depth.values, values);
  test::write_bytes(folder_.file("8.png"),
                    encode_png(std::vector<std::uint8_t>{0, 7, 128, 255}, 1, 4));
  reader_.read(folder_.file("8.png"), depth);
  EXPECT_EQ(depth.bits, 8);
  EXPECT_EQ(depth.values, (std::vector<std::uint16_t>{0, 7, 128, 255}));
}

TEST_F(StillImage, ColoursAreNoDepth) {
  for (const char* name : {"a.png", "a.jpg"}) {
    const std::string message = error_of<RawDepth>(noisy_picture(name));
    EXPECT_CONTAINS(message, name);
    EXPECT_CONTAINS(message, "expected a depth image: 16-bit grey");
  }
}

TEST_F(StillImage, WhatIsNoPictureIsNamed) {
  test::write_text(folder_.file("empty.png"), "");
  test::write_text(folder_.file("text.png"), "not a picture at all");
  std::filesystem::create_directory(folder_.file("folder.png"));
  const std::vector<std::pair<std::string, std::string>> cases{{"none.png", "no such file"},
                                                               {"empty.png", "is empty"},
                                                               {"text.png", "neither PNG nor JPEG"},
                                                               {"folder.png", "is not a file"}};
  for (const auto& [name, problem] : cases) {
    for (const std::string& message :
         {error_of<Image>(folder_.file(name)), error_of<RawDepth>(folder_.file(name))}) {
      EXPECT_CONTAINS(message, folder_.file(name));
      EXPECT_CONTAINS(message, problem);
    }
  }
}

TEST_F(StillImage, CutShortAnywhereIsDamaged) {
  for (const std::string& path :
       {noisy_picture("a.png"), noisy_picture("a.jpg"), noisy_depth("depth.png")}) {
    const auto whole = test::read_bytes(path);
    for (std::size_t size = 8; size + 1 < whole.size(); size += 1 + whole.size() / 97) {
      replace(path,
              std::vector<char>(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
      const std::string message =
          path.ends_with("depth.png") ? error_of<RawDepth>(path) : error_of<Image>(path);
      ASSERT_NE(message.find("is cut short or damaged"), std::string::npos)
          << path << " of " << size << " bytes: " << message;
    }
  }
}

TEST_F(StillImage, AFlippedBitInAPngIsDamage) {
  const std::string path = noisy_depth("depth.png", 61, 40);
  const auto whole = test::read_bytes(path);
  RawDepth truth, depth;
  reader_.read(path, truth);
  std::size_t refused = 0, tried = 0;
  // Every byte of the header, which no checksum of the pixels covers, and some of the rest.
  const auto step = [&](std::size_t at) { return at < 40 ? 1 : 1 + whole.size() / 311; };
  for (std::size_t at = 8; at < whole.size(); at += step(at), ++tried) {
    auto bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << (at % 8)));
    replace(path, bytes);
    try {
      reader_.read(path, depth);
      ASSERT_EQ(depth.width, truth.width) << "byte " << at;
      ASSERT_EQ(depth.values, truth.values) << "byte " << at << " changed depths unnoticed";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::input) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, tried * 9 / 10);
}

TEST_F(StillImage, AWholePictureIsReadAfterADamagedOne) {
  const std::string good = noisy_depth("good.png"), bad = noisy_depth("bad.png");
  test::cut_short(bad, 0.6);
  RawDepth truth, depth;
  reader_.read(good, truth);
  for (int i = 0; i < 3; ++i) {
    EXPECT_THROW(reader_.read(bad, depth), Error);
    reader_.read(good, depth);
    EXPECT_EQ(depth.values, truth.values);
  }
}

}  // namespace
}  // namespace sluice::stream
