#include "kernels/voxel_key.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

#include "tests/support/random_clip.h"

namespace sluice::kernels {
namespace {

VoxelIndex cell(float x, float y, float z, float size) {
  const std::array<float, 3> xyz{x, y, z};
  return unpack(voxel_of(xyz.data(), size));
}

VoxelKey key(float x, float y, float z, float size) {
  const std::array<float, 3> xyz{x, y, z};
  return voxel_of(xyz.data(), size);
}

TEST(VoxelKey, RoundsToTheNearestCellAsPublished) {  // worked out by hand
  EXPECT_EQ(cell(0.09F, 0.11F, -0.11F, 0.2F), (VoxelIndex{0, 1, -1}));
}

TEST(VoxelKey, HalvesGoToTheEvenCell) {
  EXPECT_EQ(cell(0.5F, 1.5F, 2.5F, 1.0F), (VoxelIndex{0, 2, 2}));
  EXPECT_EQ(cell(-0.5F, -1.5F, -2.5F, 1.0F), (VoxelIndex{0, -2, -2}));
  EXPECT_EQ(cell(0.125F, 0.375F, -0.375F, 0.25F), (VoxelIndex{0, 2, -2}));
}

TEST(VoxelKey, DividesInSinglePrecision) {
  // The stored 0.7 is a little less than 3.5 times the stored 0.2, the stored 2.9 a little more
  // than 14.5 times. Their quotients round to 3.5 and 14.5, and those to even.
  EXPECT_EQ(cell(0.7F, 1.5F, 2.9F, 0.2F), (VoxelIndex{4, 8, 14}));
}

TEST(VoxelKey, PackingKeepsTheOrderAndComesBack) {
  constexpr std::int32_t least = -voxel_axis_offset;
  constexpr std::int32_t most = voxel_axis_offset - 1;
  VoxelKey last = -1;
  for (const std::int32_t x : {least, -1, 0, 1, most})
    for (const std::int32_t y : {least, -7, 0, most})
      for (const std::int32_t z : {least, 0, 3, most}) {
        const VoxelIndex index{x, y, z};
        const VoxelKey packed = pack(index);
        ASSERT_GT(packed, last);
        ASSERT_EQ(unpack(packed), index);
        last = packed;
      }
}

TEST(VoxelKey, WhatCannotBeRepresentedHasNoVoxel) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  constexpr float infinity = std::numeric_limits<float>::infinity();
  for (const float broken : {nan, infinity, -infinity, 3e38F, -3e38F, 1048576.0F, -1048577.0F}) {
    EXPECT_EQ(key(broken, 0, 0, 1.0F), no_voxel) << broken;
    EXPECT_EQ(key(0, broken, 0, 1.0F), no_voxel) << broken;
    EXPECT_EQ(key(0, 0, broken, 1.0F), no_voxel) << broken;
  }
  EXPECT_EQ(key(1, 0, 0, 1e-44F), no_voxel) << "the quotient is infinite";
  EXPECT_EQ(cell(1048575.0F, -1048576.0F, 1048575.4F, 1.0F),
            (VoxelIndex{1048575, -1048576, 1048575}));
}

TEST(VoxelKey, AgreesWithRoundingInDoublePrecision) {
  constexpr std::uint64_t seed = 17;
  SCOPED_TRACE(seed);
  test::Random random(seed);
  const std::int64_t rounds = test::cases(2'000'000);
  for (std::int64_t round = 0; round < rounds; ++round) {
    const auto size = static_cast<float>(random.between(0.005, 0.5));
    std::array<float, 3> xyz{};
    std::array<std::int32_t, 3> expected{};
    for (std::size_t axis = 0; axis < 3; ++axis) {
      // Half of them next to a border between cells.
      const double border =
          (static_cast<double>(random.integer(-500, 500)) + 0.5) * static_cast<double>(size);
      xyz[axis] = static_cast<float>(random.chance(0.5) ? random.between(-100, 100) : border);
      // A quotient of floats rounded from double is the rounded quotient.
      const auto quotient =
          static_cast<float>(static_cast<double>(xyz[axis]) / static_cast<double>(size));
      expected[axis] = static_cast<std::int32_t>(std::nearbyint(static_cast<double>(quotient)));
    }
    const VoxelIndex wanted{expected[0], expected[1], expected[2]};
    ASSERT_EQ(unpack(voxel_of(xyz.data(), size)), wanted)
        << xyz[0] << ' ' << xyz[1] << ' ' << xyz[2] << " / " << size;
  }
}

}  // namespace
}  // namespace sluice::kernels
