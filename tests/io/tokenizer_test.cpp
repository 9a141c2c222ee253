#include "stream/io/tokenizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "kernels/error.h"
#include "kernels/patch_descriptor.h"

namespace sluice::stream {
namespace {

constexpr std::int64_t width_d = kernels::patch_descriptor_width;

Image smooth_picture(int width, int height, double phase = 0) {
  Image image;
  image.resize(width, height);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const double u = (x + 0.5) / width, v = (y + 0.5) / height;
      std::uint8_t* p = image.pixel(x, y);
      p[0] = static_cast<std::uint8_t>(128 + 100 * std::sin(9 * u + 5 * v + phase));
      p[1] = static_cast<std::uint8_t>(128 + 100 * std::sin(4 * u - 8 * v + 1));
      p[2] = static_cast<std::uint8_t>(128 + 100 * std::cos(6 * u + 3 * v));
    }
  }
  return image;
}

std::vector<double> cosines(const kernels::Tensor& a, const kernels::Tensor& b) {
  std::vector<double> result;
  const auto x = a.as<float>(), y = b.as<float>();
  for (std::size_t first = 0; first < x.size(); first += static_cast<std::size_t>(width_d)) {
    double dot = 0, xx = 0, yy = 0;
    for (std::size_t k = first; k < first + static_cast<std::size_t>(width_d); ++k) {
      const double p = x[k], q = y[k];
      dot += p * q;
      xx += p * p;
      yy += q * q;
    }
    result.push_back(dot / std::sqrt(xx * yy));
  }
  return result;
}

TEST(Tokenizer, DefaultsAre196TokensFrom384Pixels) {
  Tokenizer tokenizer;
  EXPECT_EQ(tokenizer.options().working_width, 384);
  EXPECT_EQ(tokenizer.options().working_height, 384);
  kernels::Tensor features;
  tokenizer.tokenize(smooth_picture(640, 480), features);
  EXPECT_EQ(features.shape(), (kernels::Shape{196, width_d}));
  EXPECT_EQ(features.dtype(), kernels::DType::f32);
  const Source source = tokenizer.source("wrist", 640, 480);
  EXPECT_EQ(source.id, "wrist");
  EXPECT_EQ(source.positions(), 196);
  EXPECT_EQ(source.image_width, 640);
  EXPECT_EQ(source.feature_width, width_d);
}

TEST(Tokenizer, DescribesAPictureOfTheWorkingSizeAsItIs) {
  const TokenizerOptions options{
      .grid_rows = 3, .grid_cols = 5, .working_width = 101, .working_height = 64};
  Tokenizer tokenizer(options);
  const Image image = smooth_picture(101, 64);
  kernels::Tensor features;
  tokenizer.tokenize(image, features);
  std::vector<float> expected(static_cast<std::size_t>(15 * width_d));
  kernels::describe_patches(image.rgb, 101, 64, 3, 5, expected);
  EXPECT_TRUE(std::ranges::equal(features.as<float>(), expected));
}

TEST(Tokenizer, SizeOfThePictureHardlyMatters) {
  Tokenizer tokenizer;
  kernels::Tensor reference, features;
  tokenizer.tokenize(smooth_picture(384, 384), reference);
  for (const auto& [width, height] : {std::pair{1280, 720}, {640, 480}, {200, 500}, {128, 128}}) {
    tokenizer.tokenize(smooth_picture(width, height), features);
    for (const double cosine : cosines(reference, features)) {
      EXPECT_GT(cosine, kernels::patch_descriptor_default_tau) << width << "x" << height;
    }
  }
  tokenizer.tokenize(smooth_picture(640, 480, 0.5), features);
  EXPECT_LT(cosines(reference, features)[0], kernels::patch_descriptor_default_tau);
}

TEST(Tokenizer, FlatColorsSurviveScaling) {
  Tokenizer tokenizer;
  kernels::Tensor reference, features;
  for (const int level : {0, 77, 255}) {
    Image small, right;
    small.resize(33, 47);
    right.resize(384, 384);
    std::ranges::fill(small.rgb, static_cast<std::uint8_t>(level));
    std::ranges::fill(right.rgb, static_cast<std::uint8_t>(level));
    tokenizer.tokenize(small, features);
    tokenizer.tokenize(right, reference);
    for (const double cosine : cosines(reference, features)) EXPECT_GT(cosine, 0.99);
  }
}

TEST(Tokenizer, ReusesItsMemoryAndForgetsThePictureBefore) {
  Tokenizer tokenizer;
  kernels::Tensor first, again, other;
  tokenizer.tokenize(smooth_picture(640, 480), first);
  tokenizer.tokenize(smooth_picture(320, 200, 1), other);
  tokenizer.tokenize(smooth_picture(640, 480), again);
  EXPECT_TRUE(std::ranges::equal(first.as<float>(), again.as<float>()));
  const void* memory = again.data();
  tokenizer.tokenize(smooth_picture(640, 480, 2), again);
  EXPECT_EQ(again.data(), memory);
}

TEST(Tokenizer, WorkingSizeFollowsTheGrid) {
  const TokenizerOptions options = resolved({.grid_rows = 9, .grid_cols = 16});
  EXPECT_EQ(options.working_width, 439);
  EXPECT_EQ(options.working_height, 247);
  EXPECT_EQ(resolved({.grid_rows = 7, .grid_cols = 7}).working_width, 192);
  EXPECT_EQ(resolved({.working_width = 500}).working_height, 384);
}

TEST(Tokenizer, RejectsWhatItCannotDo) {
  EXPECT_THROW(Tokenizer({.grid_rows = 0}), Error);
  EXPECT_THROW(Tokenizer({.grid_cols = -3}), Error);
  EXPECT_THROW(Tokenizer({.grid_cols = 2000000000}), Error);
  EXPECT_THROW(Tokenizer({.working_width = 100}), Error);  // patches of 7 pixels
  EXPECT_THROW(Tokenizer({.working_height = -1}), Error);
  EXPECT_THROW(Tokenizer({.working_height = 100000}), Error);
  Tokenizer tokenizer;
  kernels::Tensor features;
  EXPECT_THROW(tokenizer.tokenize(Image{}, features), Error);
  Image broken = smooth_picture(20, 10);
  broken.rgb.pop_back();
  EXPECT_THROW(tokenizer.tokenize(broken, features), Error);
}

}  // namespace
}  // namespace sluice::stream
