#include "stream/open3d/grey_depth.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/error.h"

namespace sluice::stream {
namespace {

kernels::Tensor colour_image(std::int64_t height, std::int64_t width, std::uint8_t value) {
  kernels::Tensor colour(kernels::DType::u8, {height, width, 3});
  for (auto& byte : colour.as<std::uint8_t>()) byte = value;
  return colour;
}

kernels::Tensor depth_image(std::int64_t height, std::int64_t width, float metres) {
  kernels::Tensor depth(kernels::DType::f32, {height, width});
  for (auto& pixel : depth.as<float>()) pixel = metres;
  return depth;
}

TEST(GreyDepth, SmallImagesStayAsTheyAre) {
  kernels::Tensor colour = colour_image(4, 6, 0);
  colour.as<std::uint8_t>()[0] = 255;  // red
  kernels::Tensor depth = depth_image(4, 6, 2);
  depth.as<float>()[5] = NAN;
  const GreyDepthImage image = grey_depth_image(colour, depth, {100, 101, 2.5, 1.5}, 320);
  EXPECT_EQ(image.width, 6);
  EXPECT_EQ(image.height, 4);
  EXPECT_FLOAT_EQ(image.grey[0], 77.0F / 256);
  EXPECT_EQ(image.grey[1], 0);
  EXPECT_EQ(image.depth[0], 2);
  EXPECT_EQ(image.depth[5], 0) << "a corner has too few neighbours to be filled";
  EXPECT_EQ(image.intrinsics.fx, 100);
  EXPECT_EQ(image.intrinsics.cx, 2.5);
}

TEST(GreyDepth, ReducesByWholeFactors) {
  kernels::Tensor colour = colour_image(40, 101, 0);
  for (std::int64_t r = 0; r < 2; ++r)
    for (std::int64_t c = 0; c < 6; ++c)
      colour.as<std::uint8_t>()[static_cast<std::size_t>(r * 303 + c)] = 200;  // of the first block
  kernels::Tensor depth = depth_image(40, 101, 3);
  const auto at = [&](std::size_t r, std::size_t c) -> float& {
    return depth.as<float>()[r * 101 + c];
  };
  // The first block: one hole, and a nearer thing in one of three pixels.
  at(0, 0) = 0;
  at(0, 1) = 1;
  const GreyDepthImage image = grey_depth_image(colour, depth, {100, 100, 50, 20}, 51);
  EXPECT_EQ(image.width, 50);
  EXPECT_EQ(image.height, 20);
  EXPECT_EQ(image.depth[0], 3) << "a median, nothing between the surfaces";
  EXPECT_NEAR(image.grey[0], 200.0 / 255, 1e-6);
  EXPECT_EQ(image.intrinsics.fx, 50);
  EXPECT_EQ(image.intrinsics.cx, 24.75) << "pixel 50 lies a quarter before the centre of block 25";
}

TEST(GreyDepth, ColourOfAnotherSize) {
  kernels::Tensor colour(kernels::DType::u8, {4, 8, 3});
  for (std::size_t i = 0; i < 96; ++i)
    colour.as<std::uint8_t>()[i] = static_cast<std::uint8_t>(i / 3 % 8 < 4 ? 100 : 200);
  const GreyDepthImage fine = grey_depth_image(colour, depth_image(2, 4, 1), {9, 9, 1, 1}, 320);
  EXPECT_NEAR(fine.grey[1], 100.0 / 255, 1e-6);
  EXPECT_NEAR(fine.grey[2], 200.0 / 255, 1e-6);
  const GreyDepthImage coarse = grey_depth_image(colour, depth_image(8, 16, 1), {9, 9, 1, 1}, 320);
  EXPECT_NEAR(coarse.grey[7], 100.0 / 255, 1e-6);
  EXPECT_NEAR(coarse.grey[8], 200.0 / 255, 1e-6);
}

TEST(GreyDepth, PinholesAreFilledFromTheirNeighbours) {
  kernels::Tensor depth = depth_image(5, 5, 2);
  depth.as<float>()[12] = 0;  // the middle
  depth.as<float>()[7] = 9;   // beside it
  const GreyDepthImage image = grey_depth_image(colour_image(5, 5, 9), depth, {9, 9, 2, 2}, 320);
  EXPECT_EQ(image.depth[12], 2);
  kernels::Tensor half = depth_image(5, 5, 2);
  for (std::size_t i = 0; i < 15; ++i) half.as<float>()[i] = 0;
  EXPECT_EQ(grey_depth_image(colour_image(5, 5, 9), half, {9, 9, 2, 2}, 320).depth[12], 0)
      << "the edge of a region without depth stays";
}

TEST(GreyDepth, RefusesOtherShapes) {
  const kernels::Tensor colour = colour_image(4, 4, 0), depth = depth_image(4, 4, 1);
  EXPECT_THROW((void)grey_depth_image(depth, depth, {9, 9, 2, 2}, 320), Error);
  EXPECT_THROW((void)grey_depth_image(colour, colour, {9, 9, 2, 2}, 320), Error);
  EXPECT_THROW((void)grey_depth_image(colour, depth, {0, 9, 2, 2}, 320), Error);
  EXPECT_THROW((void)grey_depth_image(colour, kernels::Tensor(kernels::DType::f32, {0, 4}),
                                      {9, 9, 2, 2}, 320),
               Error);
}

}  // namespace
}  // namespace sluice::stream
