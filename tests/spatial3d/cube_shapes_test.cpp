// Spreads per cube and its surroundings: known answers, and no memory of what has gone.
#include "spatial3d/cube_shapes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "tests/spatial3d/voxel_tables.h"

namespace sluice::spatial3d {
namespace {

using kernels::VoxelKey;

constexpr float size = 0.1F;
constexpr std::int32_t side = 4;

struct Places {
  std::vector<VoxelKey> key;
  std::vector<float> xyz;
};

/// Voxels from 0 to 11 along each axis, across the 3 × 3 × 3 cubes around the one at (4, 4, 4),
/// each seen at its centre. `where` picks some.
template <typename Where>
Places places(Where where) {
  Places chosen;
  for (std::int32_t x = 0; x < 12; ++x)
    for (std::int32_t y = 0; y < 12; ++y)
      for (std::int32_t z = 0; z < 12; ++z) {
        if (!where(x, y, z)) continue;
        chosen.key.push_back(kernels::pack({x, y, z}));
        for (const auto c : {x, y, z}) chosen.xyz.push_back(size * static_cast<float>(c));
      }
  return chosen;
}

CubeShape shape_at(const CubeShapes& cubes, const Places& at, const kernels::VoxelIndex& voxel) {
  for (const auto& [row, shape] : cubes.changed_rows())
    if (at.key[row] == kernels::pack(voxel)) return shape;
  return {};
}

TEST(CubeShapes, TakeInTheCubesAround) {
  CubeShapes cubes(side, size);
  const auto all = places([](int, int, int) { return true; });
  cubes.update(all.key, all.xyz, all.key);
  EXPECT_EQ(cubes.size(), 27);
  EXPECT_EQ(cubes.changed_rows().size(), all.key.size());
  const auto middle = shape_at(cubes, all, {5, 6, 7});
  EXPECT_EQ(middle.places, 12 * 12 * 12);
  // Even steps of 0.1 m: (n² − 1) / 12 steps².
  for (const double variance : middle.variance) EXPECT_NEAR(variance, 0.01 * 143 / 12, 1e-6);
  EXPECT_EQ(shape_at(cubes, all, {0, 0, 0}).places, 8 * 8 * 8);
}

TEST(CubeShapes, SeePlanesAndLines) {
  CubeShapes cubes(side, size);
  const auto plane = places([](int, int, int z) { return z == 5; });
  cubes.update(plane.key, plane.xyz, plane.key);
  const auto flat = shape_at(cubes, plane, {5, 5, 5});
  EXPECT_NEAR(flat.variance[0], 0, 1e-12);
  EXPECT_NEAR(flat.variance[1], 0.01 * 143 / 12, 1e-6);
  cubes.clear();
  const auto line = places([](int x, int, int z) { return x == 5 && z == 5; });
  cubes.update(line.key, line.xyz, line.key);
  const auto thin = shape_at(cubes, line, {5, 5, 5});
  EXPECT_NEAR(thin.variance[1], 0, 1e-12);
  EXPECT_NEAR(thin.variance[2], 0.01 * 143 / 12, 1e-6);
}

TEST(CubeShapes, RememberNothingOfWhatHasGone) {
  CubeShapes cubes(side, size);
  auto all = places([](int, int, int) { return true; });
  cubes.update(all.key, all.xyz, all.key);
  const auto some = places([](int x, int, int) { return x < 8; });
  std::vector<VoxelKey> gone;
  std::set_difference(all.key.begin(), all.key.end(), some.key.begin(), some.key.end(),
                      std::back_inserter(gone));
  cubes.update(some.key, some.xyz, gone);
  EXPECT_EQ(cubes.size(), 18);
  EXPECT_EQ(shape_at(cubes, some, {5, 5, 5}).places, 8 * 12 * 12);
  EXPECT_EQ(shape_at(cubes, some, {1, 5, 5}).places, 0) << "nothing near it changed";
  cubes.update({}, {}, some.key);
  EXPECT_EQ(cubes.size(), 0);
  EXPECT_TRUE(cubes.changed_rows().empty());
}

TEST(CubeShapes, LeaveOutPlacesThatAreNone) {
  CubeShapes cubes(side, size);
  auto plane = places([](int, int, int z) { return z == 5; });
  plane.xyz[10] = std::numeric_limits<float>::quiet_NaN();
  cubes.update(plane.key, plane.xyz, plane.key);
  EXPECT_EQ(shape_at(cubes, plane, {5, 5, 5}).places, 143);
}

}  // namespace
}  // namespace sluice::spatial3d
