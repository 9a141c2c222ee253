// Points with features and places for tests of voxel tokens, and what must hold of every result.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "spatial3d/voxel_tokens.h"
#include "stream/pose.h"
#include "tests/support/random_clip.h"

namespace sluice::test {

/// N points with features, places and times.
struct Points {
  kernels::Tensor features;
  std::vector<float> xyz;
  std::vector<std::int32_t> frame;
  std::vector<double> pts;

  [[nodiscard]] std::size_t size() const { return frame.size(); }
};

inline spatial3d::VoxelTokens pool(kernels::Resources& resources, const Points& points,
                                   const spatial3d::VoxelTokenOptions& options = {}) {
  return spatial3d::voxel_tokens(resources, points.features, points.xyz, points.frame, points.pts,
                                 options);
}

inline spatial3d::VoxelTokens pool(const Points& points,
                                   const spatial3d::VoxelTokenOptions& options = {}) {
  kernels::Resources resources(1);
  return pool(resources, points, options);
}

/// One-dimensional features with the value `i` for point i; all in frame 0.
inline Points points_at(std::vector<float> xyz) {
  Points points;
  points.xyz = std::move(xyz);
  const std::size_t n = points.xyz.size() / 3;
  points.frame.assign(n, 0);
  points.pts.assign(n, 0);
  points.features.reshape(kernels::DType::f32, {static_cast<std::int64_t>(n), 1});
  std::iota(points.features.as<float>().begin(), points.features.as<float>().end(), 0.0F);
  return points;
}

struct PointOptions {
  double extent = 1;    ///< metres each way
  double no_depth = 0;  ///< chance of a NaN in a place
  double outside = 0;   ///< chance of a place without a key
  double broken = 0;    ///< chance of NaN or infinity in the features
  std::int32_t frames = 5;
};

inline Points random_points(Random& random, std::int64_t n, std::int64_t width,
                            kernels::DType dtype, const PointOptions& options = {}) {
  Points points;
  ClipOptions clip;
  clip.broken = options.broken;
  const ClipShape shape{1, n, width};
  const kernels::Tensor frames = clip_tensor(random_clip(random, shape, clip), shape, dtype);
  points.features = kernels::Tensor(frames.view()[0]);
  for (std::int64_t i = 0; i < n; ++i) {
    for (int axis = 0; axis < 3; ++axis)
      points.xyz.push_back(static_cast<float>(random.between(-options.extent, options.extent)));
    float& any = points.xyz[points.xyz.size() - static_cast<std::size_t>(random.integer(1, 3))];
    if (random.chance(options.no_depth)) any = std::numeric_limits<float>::quiet_NaN();
    if (!std::isnan(any) && random.chance(options.outside))
      any = random.chance(0.5) ? std::numeric_limits<float>::infinity() : 1e9F;
    points.frame.push_back(static_cast<std::int32_t>(random.integer(0, options.frames - 1)));
    points.pts.push_back(0.5 * points.frame.back() + 0.1 * random.uniform());
  }
  return points;
}

inline std::vector<std::vector<double>> rows_of(const kernels::Tensor& features) {
  const auto width = static_cast<std::size_t>(features.size(1));
  std::vector<std::vector<double>> rows(static_cast<std::size_t>(features.size(0)),
                                        std::vector<double>(width));
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t d = 0; d < width; ++d) {
      const std::size_t at = i * width + d;
      switch (features.dtype()) {
        case kernels::DType::f16:
          rows[i][d] = double{to_float(features.as<kernels::Half>()[at])};
          break;
        case kernels::DType::bf16:
          rows[i][d] = double{to_float(features.as<kernels::Bfloat16>()[at])};
          break;
        default: rows[i][d] = double{features.as<float>()[at]};
      }
    }
  return rows;
}

/// Half a unit in the last place of a mean of values up to about 6, and the error of f32 sums.
inline double tolerance_of(kernels::DType dtype) {
  return dtype == kernels::DType::f32 ? 1e-5 : dtype == kernels::DType::f16 ? 4e-3 : 3e-2;
}

inline stream::Vec3 place_of(const spatial3d::VoxelTokens& result, std::size_t row) {
  return {result.tokens.xyz.at(3 * row), result.tokens.xyz.at(3 * row + 1),
          result.tokens.xyz.at(3 * row + 2)};
}

inline void expect_consistent(const spatial3d::VoxelTokens& result, const Points& points,
                              std::size_t expected) {
  const auto& tokens = result.tokens;
  ASSERT_EQ(static_cast<std::size_t>(tokens.size()), expected);
  EXPECT_EQ(tokens.features.size(1), points.features.size(1));
  EXPECT_EQ(tokens.features.dtype(), points.features.dtype());
  EXPECT_EQ(result.views.size(), expected);
  EXPECT_TRUE(std::is_sorted(tokens.key.begin(), tokens.key.end()));
  EXPECT_EQ(std::adjacent_find(tokens.key.begin(), tokens.key.end()), tokens.key.end());
  for (const auto kind : tokens.kind)
    EXPECT_EQ(kind, static_cast<std::uint8_t>(stream::TokenKind::spatial));
  EXPECT_NO_THROW(stream::validate(tokens, "test"));
  ASSERT_EQ(result.assignment.size(), points.size());
  std::vector<std::int64_t> weight(expected, 0);
  for (const std::int32_t row : result.assignment)
    if (row >= 0) ++weight.at(static_cast<std::size_t>(row));
  EXPECT_EQ(tokens.weight, weight);
}

}  // namespace sluice::test
