// Pictures written here must come back bit by bit (PNG), or nearly (JPEG), through another program.
#include "stream/io/image_writer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "kernels/error.h"

namespace sluice::stream {
namespace {

namespace fs = std::filesystem;

/// Decodes an encoded picture to raw pixels with the ffmpeg program.
template <typename T>
std::vector<T> decode(const std::vector<std::uint8_t>& bytes, const std::string& pixel_format) {
  const fs::path path =
      fs::temp_directory_path() / ("sluice-image-" + std::to_string(getpid()) + ".bin");
  write_file(path, bytes);
  const std::string command =
      "ffmpeg -v error -i '" + path.string() + "' -f rawvideo -pix_fmt " + pixel_format + " -";
  std::FILE* pipe = popen(command.c_str(), "r");
  std::string raw;
  char chunk[4096];
  for (std::size_t size; (size = std::fread(chunk, 1, sizeof chunk, pipe)) > 0;) {
    raw.append(chunk, size);
  }
  EXPECT_EQ(pclose(pipe), 0);
  fs::remove(path);
  std::vector<T> values(raw.size() / sizeof(T));
  std::memcpy(values.data(), raw.data(), values.size() * sizeof(T));
  return values;
}

class ImageWriterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::system("ffmpeg -version >/dev/null 2>&1") != 0) {
      GTEST_SKIP() << "needs the ffmpeg program to decode with";
    }
  }
};

Image picture(int width, int height) {
  Image image;
  image.resize(width, height);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      std::uint8_t* pixel = image.pixel(x, y);
      pixel[0] = static_cast<std::uint8_t>(255 * x / width);
      pixel[1] = static_cast<std::uint8_t>(255 * y / height);
      pixel[2] = static_cast<std::uint8_t>(x ^ y);
    }
  }
  return image;
}

TEST_F(ImageWriterTest, ColorPngIsLossless) {
  for (const auto& [width, height] : {std::pair{37, 23}, {1, 1}, {640, 2}}) {
    const Image image = picture(width, height);
    EXPECT_EQ(decode<std::uint8_t>(encode_png(image), "rgb24"), image.rgb);
  }
}

TEST_F(ImageWriterTest, GreyPngIsLossless) {
  std::vector<std::uint8_t> values(31 * 17);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::uint8_t>(i * 7);
  EXPECT_EQ(decode<std::uint8_t>(encode_png(values, 31, 17), "gray"), values);
}

TEST_F(ImageWriterTest, DepthPngKeepsAll16Bits) {
  std::vector<std::uint16_t> values(301 * 211);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::uint16_t>(i * 257);
  values[0] = 0;
  values[1] = 65535;
  values[2] = 0x1234;
  const auto bytes = encode_png(values, 301, 211);
  EXPECT_EQ(decode<std::uint16_t>(bytes, "gray16le"), values);
  EXPECT_EQ(bytes[24], 16);  // IHDR: bits per sample
}

TEST_F(ImageWriterTest, JpegLooksTheSame) {
  const Image image = [] {
    Image smooth = picture(64, 48);
    for (std::size_t i = 2; i < smooth.rgb.size(); i += 3) smooth.rgb[i] = 90;
    return smooth;
  }();
  const auto decoded = decode<std::uint8_t>(encode_jpeg(image, 90), "rgb24");
  ASSERT_EQ(decoded.size(), image.rgb.size());
  double squares = 0;
  for (std::size_t i = 0; i < decoded.size(); ++i) {
    squares += std::pow(static_cast<double>(decoded[i]) - image.rgb[i], 2);
  }
  EXPECT_LT(std::sqrt(squares / static_cast<double>(decoded.size())), 6);
}

TEST(ImageWriter, JpegQualityCostsBytes) {
  const Image image = picture(160, 120);
  EXPECT_LT(encode_jpeg(image, 20).size(), encode_jpeg(image, 60).size());
  EXPECT_LT(encode_jpeg(image, 60).size(), encode_jpeg(image, 100).size());
  EXPECT_EQ(encode_jpeg(image, 60), encode_jpeg(image, 60));
}

TEST(ImageWriter, BadInputIsRefused) {
  Image image = picture(8, 8);
  EXPECT_THROW((void)encode_png(Image{}), Error);
  EXPECT_THROW((void)encode_jpeg(image, 0), Error);
  EXPECT_THROW((void)encode_jpeg(image, 101), Error);
  image.rgb.pop_back();
  EXPECT_THROW((void)encode_png(image), Error);
  EXPECT_THROW((void)encode_jpeg(image), Error);
  EXPECT_THROW((void)encode_png(std::vector<std::uint16_t>(5), 2, 3), Error);
  EXPECT_THROW(write_file("no/such/folder/file", std::vector<std::uint8_t>(5)), Error);
}

}  // namespace
}  // namespace sluice::stream
