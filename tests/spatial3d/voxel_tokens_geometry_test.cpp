// Voxel tokens of known shapes, and of worlds that are moved or read in another order.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "spatial3d/voxel_tokens.h"
#include "tests/spatial3d/voxel_points.h"
#include "tests/support/spatial_oracles.h"

namespace sluice::spatial3d {
namespace {

using kernels::DType;
using test::expect_consistent;
using test::place_of;
using test::PointOptions;
using test::Points;
using test::points_at;
using test::pool;
using test::Random;
using test::random_points;
using test::rows_of;

TEST(VoxelTokensGeometry, APlaneASphereAndACorner) {
  Random random(61);
  Points points = random_points(random, 20000, 2, DType::f32);
  VoxelTokenOptions options;
  options.voxel_size = 0.25F;
  options.max_tokens = 0;

  // A square of ±1 m at z = 0 covers the cells −4 … 4 each way, whose outer ones are half cut off.
  for (std::size_t i = 0; i < points.size(); ++i) points.xyz[3 * i + 2] = 0;
  auto result = pool(points, options);
  expect_consistent(result, points, 81);
  for (std::size_t row = 0; row < 81; ++row) EXPECT_EQ(place_of(result, row)[2], 0);

  // Tokens of a sphere lie inside it, by no more than the sagitta of a voxel's diagonal.
  const double radius = 0.9, chord = 0.25 * std::sqrt(3.0);
  const double sagitta = radius - std::sqrt(radius * radius - chord * chord / 4);
  points = random_points(random, 20000, 2, DType::f32);
  for (std::size_t i = 0; i < points.size(); ++i) {
    float* p = &points.xyz[3 * i];
    const double length = std::hypot(double{p[0]}, double{p[1]}, double{p[2]});
    for (int axis = 0; axis < 3; ++axis) p[axis] = static_cast<float>(p[axis] * radius / length);
  }
  result = pool(points, options);
  for (std::size_t row = 0; row < result.views.size(); ++row) {
    const double out = test::distance(place_of(result, row), {0, 0, 0});
    EXPECT_LE(out, radius + 1e-6);
    EXPECT_GE(out, radius - 4 * sagitta);
  }

  // Three faces of a corner, cells 0 … 4 along each edge: 5³ − 4³ cells, those of the edges shared.
  points = random_points(random, 20000, 2, DType::f32);
  for (std::size_t i = 0; i < points.size(); ++i) {
    for (std::size_t axis = 0; axis < 3; ++axis)
      points.xyz[3 * i + axis] = std::abs(points.xyz[3 * i + axis]);
    points.xyz[3 * i + i % 3] = 0;
  }
  result = pool(points, options);
  expect_consistent(result, points, 125 - 64);
}

TEST(VoxelTokensGeometry, MoveWithTheWorldByWholeVoxelsAndQuarterTurns) {
  Random random(62);
  Points points = random_points(random, 500, 8, DType::f32);
  // So that every motion below is exact, and nothing lies halfway, where rounding is to even.
  for (float& c : points.xyz) c = (std::round(c * 32) + 0.5F) / 32;
  VoxelTokenOptions options;
  options.voxel_size = 0.25F;
  const auto before = pool(points, options);
  for (int turns = 0; turns < 4; ++turns) {
    Points moved = random_points(random, 500, 8, DType::f32);
    moved.features = points.features.clone();
    moved.frame = points.frame;
    moved.pts = points.pts;
    const auto move = [turns](stream::Vec3 p) {
      for (int turn = 0; turn < turns; ++turn) p = {-p[1], p[0], p[2]};
      return stream::Vec3{p[0] + 0.75, p[1] - 2, p[2] + 0.25};
    };
    for (std::size_t i = 0; i < points.size(); ++i) {
      const auto to = move({points.xyz[3 * i], points.xyz[3 * i + 1], points.xyz[3 * i + 2]});
      for (std::size_t axis = 0; axis < 3; ++axis)
        moved.xyz[3 * i + axis] = static_cast<float>(to[axis]);
    }
    const auto after = pool(moved, options);
    ASSERT_EQ(after.tokens.size(), before.tokens.size());
    const auto rows_before = rows_of(before.tokens.features);
    const auto rows_after = rows_of(after.tokens.features);
    for (std::size_t i = 0; i < points.size(); ++i) {
      // Members keep their order, so the sums are the same to the bit.
      const auto a = static_cast<std::size_t>(before.assignment[i]);
      const auto b = static_cast<std::size_t>(after.assignment[i]);
      EXPECT_EQ(rows_before[a], rows_after[b]);
      EXPECT_EQ(before.tokens.weight[a], after.tokens.weight[b]);
      EXPECT_LT(test::distance(move(place_of(before, a)), place_of(after, b)), 1e-6);
    }
  }
}

TEST(VoxelTokensGeometry, AnyMotionKeepsTheirMassAndItsCentre) {
  Random random(63);
  const Points points = random_points(random, 400, 3, DType::f32);
  const auto motion = stream::pose_from_quaternion({1, -2, 0.5}, 0.2, -0.4, 0.3, 0.8, "test");
  Points moved = points_at(points.xyz);
  for (std::size_t i = 0; i < points.size(); ++i) {
    const auto to = stream::transform(
        motion, {points.xyz[3 * i], points.xyz[3 * i + 1], points.xyz[3 * i + 2]});
    for (std::size_t axis = 0; axis < 3; ++axis)
      moved.xyz[3 * i + axis] = static_cast<float>(to[axis]);
  }
  const auto centre = [](const VoxelTokens& result) {
    stream::Vec3 sum{};
    for (std::size_t row = 0; row < result.views.size(); ++row)
      for (std::size_t axis = 0; axis < 3; ++axis)
        sum[axis] += static_cast<double>(result.tokens.weight[row]) * place_of(result, row)[axis];
    for (double& c : sum) c /= 400;
    return sum;
  };
  const auto before = centre(pool(points)), after = centre(pool(moved));
  EXPECT_LT(test::distance(stream::transform(motion, before), after), 1e-6);
}

TEST(VoxelTokensGeometry, TheOrderOfThePointsChangesOnlyTheOrderOfSums) {
  Random random(64);
  PointOptions options;
  options.no_depth = 0.1;
  options.broken = 0.1;
  const Points points = random_points(random, 600, 5, DType::f32, options);
  std::vector<std::size_t> order(points.size());
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = order.size() - 1; i > 0; --i)
    std::swap(order[i],
              order[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(i)))]);
  Points shuffled = points_at(points.xyz);
  shuffled.features.reshape(DType::f32, {600, 5});
  for (std::size_t i = 0; i < order.size(); ++i) {
    for (std::size_t axis = 0; axis < 3; ++axis)
      shuffled.xyz[3 * i + axis] = points.xyz[3 * order[i] + axis];
    for (std::size_t d = 0; d < 5; ++d)
      shuffled.features.as<float>()[5 * i + d] = points.features.as<float>()[5 * order[i] + d];
    shuffled.frame[i] = points.frame[order[i]];
    shuffled.pts[i] = points.pts[order[i]];
  }
  VoxelTokenOptions how;
  how.max_tokens = 100;
  const auto a = pool(points, how), b = pool(shuffled, how);
  EXPECT_EQ(a.tokens.key, b.tokens.key);
  EXPECT_EQ(a.tokens.weight, b.tokens.weight);
  EXPECT_EQ(a.tokens.frame, b.tokens.frame);
  EXPECT_EQ(a.tokens.pts_last, b.tokens.pts_last);
  EXPECT_EQ(a.views, b.views);
  for (std::size_t i = 0; i < order.size(); ++i) EXPECT_EQ(b.assignment[i], a.assignment[order[i]]);
  for (std::size_t i = 0; i < a.tokens.features.as<float>().size(); ++i)
    EXPECT_NEAR(a.tokens.features.as<float>()[i], b.tokens.features.as<float>()[i], 1e-5);
}

}  // namespace
}  // namespace sluice::spatial3d
