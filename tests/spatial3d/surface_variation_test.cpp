// Surface variation: surfaces with known answers, a naive oracle, and the incremental against the
// complete computation.
#include "spatial3d/surface_variation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <optional>

#include "kernels/error.h"
#include "tests/spatial3d/voxel_tables.h"

namespace sluice::spatial3d {
namespace {

using test::Point;
using test::VoxelSet;

constexpr float size = 0.03F;
const SurfaceVariationOptions options{.voxel_size = size};

std::vector<SurfaceShape> shapes(const VoxelSet& voxels,
                                 const SurfaceVariationOptions& with = options) {
  SurfaceVariation surface(with);
  surface.update(test::table_of(voxels));
  return {surface.shapes().begin(), surface.shapes().end()};
}

SurfaceShape shape_at(const VoxelSet& voxels, const Point& p) {
  const auto found = voxels.find(test::key_of(p, size));
  return shapes(voxels)[static_cast<std::size_t>(std::distance(voxels.begin(), found))];
}

void append(std::vector<Point>& points, const std::vector<Point>& more) {
  points.insert(points.end(), more.begin(), more.end());
}

/// Points a·i + b·j from `origin`, somewhat denser than voxels.
std::vector<Point> patch(const Point& origin, const Point& a, const Point& b, int steps) {
  std::vector<Point> points;
  const double step = 0.8 * static_cast<double>(size);
  for (int i = 0; i < steps; ++i)
    for (int j = 0; j < steps; ++j)
      points.push_back({origin.x + step * (i * a.x + j * b.x),
                        origin.y + step * (i * a.y + j * b.y),
                        origin.z + step * (i * a.z + j * b.z)});
  return points;
}

/// Eigenvalues, ascending, from the characteristic polynomial (Smith 1961).
std::array<double, 3> eigenvalues(const double (&c)[3][3]) {
  const double q = (c[0][0] + c[1][1] + c[2][2]) / 3;
  double spread = 0;
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 3; ++j) spread += std::pow(c[i][j] - (i == j ? q : 0), 2) / 6;
  const double p = std::sqrt(spread);
  if (p == 0) return {q, q, q};
  double b[3][3];
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 3; ++j) b[i][j] = (c[i][j] - (i == j ? q : 0)) / p;
  const double determinant = b[0][0] * (b[1][1] * b[2][2] - b[1][2] * b[2][1]) -
                             b[0][1] * (b[1][0] * b[2][2] - b[1][2] * b[2][0]) +
                             b[0][2] * (b[1][0] * b[2][1] - b[1][1] * b[2][0]);
  const double angle = std::acos(std::clamp(determinant / 2, -1.0, 1.0)) / 3;
  const double largest = q + 2 * p * std::cos(angle);
  const double smallest = q + 2 * p * std::cos(angle + 2 * std::numbers::pi / 3);
  return {std::max(smallest, 0.0), 3 * q - largest - smallest, largest};
}

/// Principal variances of the places of all voxels that are `near` enough; nothing if too few are.
template <typename Near>
std::optional<std::array<double, 3>> naive_spread(const VoxelSet& voxels, Near near) {
  std::vector<std::array<double, 3>> points;
  for (const auto& [key, voxel] : voxels) {
    if (!near(kernels::unpack(key))) continue;
    const auto rounded = [](double x) { return static_cast<double>(static_cast<float>(x)); };
    points.push_back({rounded(voxel.place.x), rounded(voxel.place.y), rounded(voxel.place.z)});
  }
  const auto n = static_cast<double>(points.size());
  if (static_cast<int>(points.size()) < options.min_neighbours) return std::nullopt;
  std::array<double, 3> mean{};
  for (const auto& p : points)
    for (std::size_t i = 0; i < 3; ++i) mean[i] += p[i] / n;
  double covariance[3][3] = {};
  for (const auto& p : points)
    for (std::size_t i = 0; i < 3; ++i)
      for (std::size_t j = 0; j < 3; ++j)
        covariance[i][j] += (p[i] - mean[i]) * (p[j] - mean[j]) / n;
  return eigenvalues(covariance);
}

double naive_variation(const std::array<double, 3>& e) {
  return std::sqrt(e[0] / (e[0] + e[1] + e[2]));
}

std::array<double, 3> naive_shape(const VoxelSet& voxels, kernels::VoxelKey at) {
  const auto c = kernels::unpack(at);
  const auto within = [&](int radius) {
    return naive_spread(voxels, [&c, radius](const kernels::VoxelIndex& v) {
      return std::abs(v.x - c.x) <= radius && std::abs(v.y - c.y) <= radius &&
             std::abs(v.z - c.z) <= radius;
    });
  };
  const auto cube = [](int x) { return static_cast<int>(std::floor(x / 5.0)); };
  const auto wide = naive_spread(voxels, [&](const kernels::VoxelIndex& v) {
    return std::abs(cube(v.x) - cube(c.x)) <= 1 && std::abs(cube(v.y) - cube(c.y)) <= 1 &&
           std::abs(cube(v.z) - cube(c.z)) <= 1;
  });
  const auto isolated = static_cast<double>(options.isolated);
  const double relief = wide ? naive_variation(*wide) : isolated;
  const double elongation = wide ? 1 - std::sqrt((*wide)[1] / (*wide)[2]) : 0;
  for (const int radius : {2, 4})
    if (const auto near = within(radius)) return {naive_variation(*near), relief, elongation};
  return {relief, relief, elongation};
}

TEST(SurfaceVariation, PlanesAreFlatWhateverTheirDirection) {
  test::Random random(701);
  for (int i = 0; i < 20; ++i) {
    const Point a = test::random_point(random, 1), b = test::random_point(random, 1);
    const auto points = patch(test::random_point(random, 2), a, b, 20);
    for (const auto& shape : shapes(test::voxels_of(points, size))) {
      EXPECT_LT(shape.variation, 0.002F);
      EXPECT_LT(shape.relief, 0.002F);
    }
  }
}

TEST(SurfaceVariation, EdgesStandOutAndCornersMore) {
  auto points = patch({}, {1, 0, 0}, {0, 1, 0}, 30);
  append(points, patch({}, {1, 0, 0}, {0, 0, 1}, 30));
  append(points, patch({}, {0, 1, 0}, {0, 0, 1}, 30));
  const auto voxels = test::voxels_of(points, size);
  const auto at = [&](const Point& p) { return shape_at(voxels, p); };
  EXPECT_LT(at({0.42, 0.42, 0}).variation, 0.001F);
  EXPECT_LT(at({0.42, 0.42, 0}).relief, 0.001F);
  EXPECT_GT(at({0.42, 0, 0}).variation, 0.2F);
  EXPECT_GT(at({0, 0, 0}).variation, at({0.42, 0, 0}).variation);
  EXPECT_GT(at({0.42, 0.03, 0}).variation, 0.15F);  // one voxel beside the edge still sees it
  EXPECT_LT(at({0.42, 0.15, 0}).variation, 0.001F);
  EXPECT_GT(at({0.42, 0.15, 0}).relief, 0.1F);  // farther off, only the wide surroundings do
}

TEST(SurfaceVariation, FlatThingsAboveATableHaveRelief) {
  auto points = patch({}, {1, 0, 0}, {0, 1, 0}, 40);
  append(points, patch({0.4, 0.4, 0.03}, {1, 0, 0}, {0, 1, 0}, 8));  // a tray
  const auto voxels = test::voxels_of(points, size);
  const auto tray = shape_at(voxels, {0.48, 0.48, 0.03});
  const auto table = shape_at(voxels, {0.9, 0.12, 0});
  EXPECT_GT(tray.relief, 0.05F);
  EXPECT_LT(table.relief, 0.001F);
}

TEST(SurfaceVariation, PolesAreElongatedAndFloorsAreNot) {
  std::vector<Point> pole;
  for (int i = 0; i < 60; ++i) pole.push_back({0.001 * (i % 3), 0.002 * (i % 2), 0.03 * i});
  const auto poles = test::voxels_of(pole, size);
  EXPECT_GT(shape_at(poles, {0, 0, 0.9}).elongation, 0.9F);
  const auto floor = test::voxels_of(patch({}, {1, 0, 0}, {0, 1, 0}, 40), size);
  EXPECT_LT(shape_at(floor, {0.48, 0.48, 0}).elongation, 0.01F);
}

TEST(SurfaceVariation, SmallBallsBendEverywhere) {
  std::vector<Point> points;
  const double radius = 0.06;
  for (int i = 0; i < 40; ++i)
    for (int j = 0; j < 80; ++j) {
      const double polar = std::numbers::pi * (i + 0.5) / 40, round = std::numbers::pi * j / 40;
      points.push_back({radius * std::sin(polar) * std::cos(round),
                        radius * std::sin(polar) * std::sin(round), radius * std::cos(polar)});
    }
  for (const auto& shape : shapes(test::voxels_of(points, size))) {
    EXPECT_GT(shape.variation, 0.2F);
    EXPECT_NEAR(shape.relief, std::sqrt(1.0F / 3),
                0.02F);  // all of it, the same in every direction
  }
}

TEST(SurfaceVariation, IsWhatTheDefinitionSays) {
  for (std::uint64_t seed = 1; seed <= static_cast<std::uint64_t>(test::cases(200)); ++seed) {
    SCOPED_TRACE(seed);
    test::Random random(seed);
    std::vector<Point> points;
    const double extent = random.between(0.05, 0.6);  // from crowded to thin
    for (int i = 0; i < 150; ++i) points.push_back(test::random_point(random, extent));
    const auto voxels = test::voxels_of(points, size);
    const auto computed = shapes(voxels);
    std::size_t row = 0;
    for (const auto& [key, voxel] : voxels) {
      const auto [variation, relief, elongation] = naive_shape(voxels, key);
      const SurfaceShape& shape = computed[row++];
      EXPECT_NEAR(static_cast<double>(shape.variation), variation, 2e-5);
      EXPECT_NEAR(static_cast<double>(shape.relief), relief, 2e-5);
      EXPECT_NEAR(static_cast<double>(shape.elongation), elongation, 2e-5);
    }
  }
}

TEST(SurfaceVariation, CubesHaveTheLargerOfTheirTwoSizes) {
  test::Random random(702);
  std::vector<Point> points;
  for (int i = 0; i < 300; ++i) points.push_back(test::random_point(random, 0.3));
  const auto same = [&](float voxel_size, std::int32_t voxels) {
    const auto set = test::voxels_of(points, voxel_size);
    const SurfaceVariationOptions both{.voxel_size = voxel_size};
    const SurfaceVariationOptions one{
        .voxel_size = voxel_size, .cube_voxels = voxels, .cube_metres = 0};
    const auto a = shapes(set, both), b = shapes(set, one);
    for (std::size_t row = 0; row < a.size(); ++row) EXPECT_EQ(a[row].relief, b[row].relief);
  };
  same(0.01F, 15);
  same(0.02F, 8);
  same(0.03F, 5);
  same(0.1F, 5);
  same(0.001F, 64);
}

TEST(SurfaceVariation, UpdatesGiveWhatStartingOverGives) {
  SurfaceVariationOptions exact = options;
  exact.tolerance = 0;
  for (std::uint64_t seed = 1; seed <= static_cast<std::uint64_t>(test::cases(100)); ++seed) {
    SCOPED_TRACE(seed);
    test::Random random(seed);
    SurfaceVariation surface(exact);
    VoxelSet voxels;
    for (int frame = 0; frame < 20; ++frame) {
      for (int i = 0; i < 30; ++i) {  // new ones, and old ones that move within their voxel
        const Point p = test::random_point(random, 0.5);
        voxels[test::key_of(p, size)].place = p;
      }
      std::erase_if(voxels, [&](const auto&) { return random.chance(0.1); });
      surface.update(test::table_of(voxels));
      const auto complete = shapes(voxels, exact);
      ASSERT_EQ(complete.size(), surface.shapes().size());
      for (std::size_t row = 0; row < complete.size(); ++row) {
        ASSERT_EQ(complete[row].variation, surface.shapes()[row].variation);
        ASSERT_EQ(complete[row].relief, surface.shapes()[row].relief);
        ASSERT_EQ(complete[row].elongation, surface.shapes()[row].elongation);
      }
    }
  }
}

TEST(SurfaceVariation, LooksAgainOnlyWhereSomethingChanged) {
  auto voxels = test::voxels_of(patch({}, {1, 0, 0}, {0, 1, 0}, 60), size);
  SurfaceVariation surface(options);
  surface.update(test::table_of(voxels));
  EXPECT_EQ(surface.computed(), static_cast<std::int64_t>(voxels.size()));
  surface.update(test::table_of(voxels));
  EXPECT_EQ(surface.computed(), 0);
  voxels.begin()->second.place.z += 0.0001;  // noise
  surface.update(test::table_of(voxels));
  EXPECT_EQ(surface.computed(), 0);
  const Point above{0.6, 0.6, 0.03};
  voxels[test::key_of(above, size)].place = above;
  surface.update(test::table_of(voxels));
  EXPECT_EQ(surface.computed(), 1 + 9 * 9);  // itself, and those of the plane that may see it
  voxels.erase(test::key_of(above, size));
  surface.update(test::table_of(voxels));
  EXPECT_EQ(surface.computed(), 9 * 9);
  for (const auto& shape : surface.shapes()) EXPECT_LT(shape.relief, 0.001F);
}

TEST(SurfaceVariation, SlowDriftIsNoticedOnceItAddsUp) {
  auto voxels = test::voxels_of(patch({}, {1, 0, 0}, {0, 1, 0}, 20), size);
  const auto middle = voxels.find(test::key_of({0.24, 0.24, 0}, size));
  ASSERT_NE(middle, voxels.end());
  SurfaceVariation surface(options);
  int noticed = 0;
  for (int step = 0; step <= 20; ++step) {
    surface.update(test::table_of(voxels));
    noticed += step > 0 && surface.computed() > 0;
    middle->second.place.z += 0.1 * options.tolerance * static_cast<double>(size);
  }
  EXPECT_GE(noticed, 1);
  EXPECT_LE(noticed, 2);
}

TEST(SurfaceVariation, LonelyVoxelsGetTheirOwnValue) {
  const auto voxels = test::voxels_of({{0, 0, 0}, {9, 9, 9}, {-9, 3, 1}}, size);
  for (const auto& shape : shapes(voxels)) {
    EXPECT_EQ(shape.variation, options.isolated);
    EXPECT_EQ(shape.relief, options.isolated);
    EXPECT_EQ(shape.elongation, 0);
  }
  EXPECT_TRUE(shapes({}).empty());
}

TEST(SurfaceVariation, WorksAtTheEndOfTheLattice) {
  constexpr auto last = static_cast<std::int32_t>(kernels::voxel_axis_offset - 1);
  VoxelSet voxels;
  for (const std::int32_t end : {-last - 1, last})
    for (std::int32_t i = 0; i < 4; ++i)
      for (std::int32_t j = 0; j < 4; ++j) {
        const kernels::VoxelIndex v{end < 0 ? end + i : end - i, end < 0 ? end + j : end - j, end};
        const auto metres = [](std::int32_t c) { return static_cast<double>(size) * c; };
        voxels[kernels::pack(v)].place = {metres(v.x), metres(v.y), metres(v.z)};
      }
  for (const auto& shape : shapes(voxels)) EXPECT_LT(shape.variation, 0.15F);
}

TEST(SurfaceVariation, BrokenPlacesDisturbNobody) {
  auto voxels = test::voxels_of(patch({}, {1, 0, 0}, {0, 1, 0}, 20), size);
  std::next(voxels.begin(), 50)->second.place.z = std::numeric_limits<double>::quiet_NaN();
  std::next(voxels.begin(), 90)->second.place.x = std::numeric_limits<double>::infinity();
  for (const auto& shape : shapes(voxels)) EXPECT_LT(shape.relief, 0.001F);
}

TEST(SurfaceVariation, RefusesImpossibleOptions) {
  const auto refused = [](auto change) {
    SurfaceVariationOptions wrong = options;
    change(wrong);
    EXPECT_THROW(SurfaceVariation{wrong}, Error);
  };
  refused([](auto& o) { o.voxel_size = 0; });
  refused([](auto& o) { o.voxel_size = std::numeric_limits<float>::quiet_NaN(); });
  refused([](auto& o) { o.near_radius = 0; });
  refused([](auto& o) { o.cube_voxels = 0; });
  refused([](auto& o) { o.cube_metres = -1; });
  refused([](auto& o) { o.min_neighbours = 3; });
  refused([](auto& o) { o.isolated = -1; });
  refused([](auto& o) { o.tolerance = 2; });
}

}  // namespace
}  // namespace sluice::spatial3d
