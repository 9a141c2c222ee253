#include "kernels/voxel_pool.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <string>

#include "kernels/error.h"
#include "tests/support/random_clip.h"

namespace sluice::kernels {
namespace {

/// Points around a few surfaces, so that voxels have many members; some in no voxel.
std::vector<float> random_points(test::Random& random, std::int64_t count, double broken = 0.05) {
  std::vector<float> xyz;
  for (std::int64_t i = 0; i < count; ++i)
    for (int axis = 0; axis < 3; ++axis)
      xyz.push_back(static_cast<float>(axis == 2 ? 1.5 : random.between(-3, 3)) +
                    0.02F * random.normal());
  for (std::int64_t i = 0; i < count; ++i)
    if (random.chance(broken))
      xyz[static_cast<std::size_t>(3 * i + random.integer(0, 2))] =
          random.chance(0.5) ? std::nanf("") : 3e30F;
  return xyz;
}

/// As defined: cells in lexicographic order, members ascending.
std::map<std::array<double, 3>, std::vector<std::int32_t>> groups_by_definition(
    const std::vector<float>& xyz, float size) {
  std::map<std::array<double, 3>, std::vector<std::int32_t>> groups;
  for (std::size_t point = 0; point < xyz.size() / 3; ++point) {
    std::array<double, 3> cell{};
    bool placed = true;
    for (std::size_t axis = 0; axis < 3; ++axis) {
      cell[axis] = std::nearbyint(static_cast<double>(xyz[3 * point + axis] / size));
      placed = placed && std::abs(cell[axis]) < 1e6;
    }
    if (placed) groups[cell].push_back(static_cast<std::int32_t>(point));
  }
  return groups;
}

void expect_groups_by_definition(const std::vector<float>& xyz, float size,
                                 const VoxelGroups& groups) {
  const auto expected = groups_by_definition(xyz, size);
  ASSERT_EQ(groups.size(), static_cast<std::int64_t>(expected.size()));
  ASSERT_EQ(groups.first.size(), expected.size() + 1);
  ASSERT_EQ(groups.voxel.size(), xyz.size() / 3);
  std::vector<std::int32_t> voxel(xyz.size() / 3, -1);
  std::size_t row = 0;
  std::size_t begin = 0;
  for (const auto& [cell, members] : expected) {
    const VoxelIndex index = unpack(groups.key[row]);
    ASSERT_EQ(index.x, static_cast<std::int32_t>(cell[0]));
    ASSERT_EQ(index.y, static_cast<std::int32_t>(cell[1]));
    ASSERT_EQ(index.z, static_cast<std::int32_t>(cell[2]));
    ASSERT_EQ(groups.first[row], static_cast<std::int32_t>(begin));
    for (const std::int32_t member : members) {
      ASSERT_EQ(groups.member[begin++], member);
      voxel[static_cast<std::size_t>(member)] = static_cast<std::int32_t>(row);
    }
    ++row;
  }
  ASSERT_EQ(groups.first[row], static_cast<std::int32_t>(begin));
  ASSERT_EQ(groups.member.size(), begin);
  ASSERT_EQ(groups.voxel, voxel);
}

void expect_equal(const VoxelGroups& a, const VoxelGroups& b) {
  EXPECT_EQ(a.key, b.key);
  EXPECT_EQ(a.first, b.first);
  EXPECT_EQ(a.member, b.member);
  EXPECT_EQ(a.voxel, b.voxel);
}

std::string bytes_of(const Tensor& tensor) {
  return {static_cast<const char*>(tensor.data()), tensor.byte_size()};
}

TEST(VoxelGrouping, KnownAnswer) {
  // Cells 0, 1, -1 along x, and one point without a place.
  const std::vector<float> xyz{0.09F, 0, 0,    0.11F,         0, 0, -0.11F, 0, 0,
                               0.08F, 0, 0.0F, std::nanf(""), 0, 0, 0.2F,   0, 0};
  Resources resources(1);
  VoxelGroups groups;
  group_by_voxel(resources, xyz, 0.2F, groups);
  ASSERT_EQ(groups.size(), 3);
  EXPECT_EQ(unpack(groups.key[0]), (VoxelIndex{-1, 0, 0}));
  EXPECT_EQ(unpack(groups.key[1]), (VoxelIndex{0, 0, 0}));
  EXPECT_EQ(unpack(groups.key[2]), (VoxelIndex{1, 0, 0}));
  EXPECT_EQ(groups.first, (std::vector<std::int32_t>{0, 1, 3, 5}));
  EXPECT_EQ(groups.member, (std::vector<std::int32_t>{2, 0, 3, 1, 5}));
  EXPECT_EQ(groups.voxel, (std::vector<std::int32_t>{1, 2, 0, 1, -1, 2}));
}

TEST(VoxelGrouping, AgreesWithItsDefinition) {
  test::Random random(31);
  const std::int64_t rounds = test::cases(1000);
  Resources resources(2);
  VoxelGroups groups;  // reused, so that nothing of the round before may shine through
  for (std::int64_t round = 0; round < rounds; ++round) {
    const auto xyz = random_points(random, random.integer(1, 400), random.chance(0.1) ? 0.9 : 0.05);
    const auto size = static_cast<float>(random.between(0.02, 2));
    group_by_voxel(resources, xyz, size, groups);
    ASSERT_NO_FATAL_FAILURE(expect_groups_by_definition(xyz, size, groups))
        << "seed 31, round " << round;
  }
}

TEST(VoxelGrouping, IsTheSameForEveryThreadCount) {
  test::Random random(32);
  const auto xyz = random_points(random, 100'000);  // so many that threads are used
  for (const float size : {0.02F, 0.2F, 100.0F}) {
    Resources one(1);
    VoxelGroups expected;
    group_by_voxel(one, xyz, size, expected);
    ASSERT_NO_FATAL_FAILURE(expect_groups_by_definition(xyz, size, expected));
    for (const int threads : {2, 3, 8}) {
      Resources resources(threads);
      VoxelGroups groups;
      group_by_voxel(resources, xyz, size, groups);
      expect_equal(groups, expected);
    }
  }
}

TEST(VoxelGrouping, NothingToGroup) {
  Resources resources(2);
  VoxelGroups groups;
  group_by_voxel(resources, {}, 0.2F, groups);
  EXPECT_EQ(groups.size(), 0);
  EXPECT_EQ(groups.first, (std::vector<std::int32_t>{0}));

  const std::vector<float> nowhere(3 * 7, std::nanf(""));
  group_by_voxel(resources, nowhere, 0.2F, groups);
  EXPECT_EQ(groups.size(), 0);
  EXPECT_EQ(groups.first, (std::vector<std::int32_t>{0}));
  EXPECT_TRUE(groups.member.empty());
  EXPECT_EQ(groups.voxel, std::vector<std::int32_t>(7, -1));

  Tensor pooled;
  pool_groups(resources, TensorView(nowhere.data(), DType::f32, {7, 3}), groups, pooled);
  EXPECT_EQ(pooled.shape(), (Shape{0, 3}));
  std::vector<float> centres(9);
  mean_positions(nowhere, groups, centres);
  EXPECT_TRUE(centres.empty());
}

TEST(VoxelGrouping, RefusesImpossibleInput) {
  Resources resources(1);
  VoxelGroups groups;
  const std::vector<float> xyz(6, 0.0F);
  for (const float size : {0.0F, -0.2F, std::nanf(""), std::numeric_limits<float>::infinity()})
    EXPECT_THROW(group_by_voxel(resources, xyz, size, groups), Error) << size;
  EXPECT_THROW(group_by_voxel(resources, std::span(xyz).first(5), 0.2F, groups), Error);

  group_by_voxel(resources, xyz, 0.2F, groups);
  Tensor pooled;
  const std::vector<float> features(12, 1.0F);
  const auto pool = [&](DType dtype, const Shape& shape) {
    pool_groups(resources, TensorView(features.data(), dtype, shape), groups, pooled);
  };
  EXPECT_NO_THROW(pool(DType::f32, {2, 6}));
  EXPECT_THROW(pool(DType::f32, {3, 4}), Error) << "three rows for two points";
  EXPECT_THROW(pool(DType::f32, {12}), Error);
  EXPECT_THROW(pool(DType::i32, {2, 6}), Error);
  std::vector<float> centres;
  EXPECT_THROW(mean_positions(std::span(xyz).first(3), groups, centres), Error);
}

class VoxelPooling : public ::testing::TestWithParam<InstructionSet> {};

TEST_P(VoxelPooling, MeansMatchDouble) {
  test::Random random(33);
  const test::ClipShape shape{1, 700, 53};
  const auto values = test::random_clip(random, shape);
  const auto xyz = random_points(random, shape.positions);
  Resources resources(2, GetParam());
  VoxelGroups groups;
  group_by_voxel(resources, xyz, 0.5F, groups);
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
    const Tensor features = test::clip_tensor(values, shape, dtype);
    Tensor pooled;
    pool_groups(resources, features.view()[0], groups, pooled);
    ASSERT_EQ(pooled.dtype(), dtype);
    ASSERT_EQ(pooled.shape(), (Shape{groups.size(), shape.width}));
    std::vector<float> widened(static_cast<std::size_t>(pooled.shape().element_count()));
    for (std::size_t i = 0; i < widened.size(); ++i)
      widened[i] = dtype == DType::f32   ? pooled.as<float>()[i]
                   : dtype == DType::f16 ? to_float(pooled.as<Half>()[i])
                                         : to_float(pooled.as<Bfloat16>()[i]);
    const double tolerance = dtype == DType::bf16 ? 4e-2 : dtype == DType::f16 ? 4e-3 : 2e-6;
    std::size_t row = 0;
    for (const auto& [cell, members] : groups_by_definition(xyz, 0.5F)) {
      for (std::size_t d = 0; d < 53; ++d) {
        double sum = 0;
        for (const std::int32_t member : members)
          sum += static_cast<double>(values[static_cast<std::size_t>(member) * 53 + d]);
        ASSERT_NEAR(static_cast<double>(widened[row * 53 + d]),
                    sum / static_cast<double>(members.size()), tolerance);
      }
      ++row;
    }
  }
}

TEST_P(VoxelPooling, IsBitIdenticalForEveryThreadCountAndInstructionSet) {
  test::Random random(34);
  const test::ClipShape shape{1, 900, 67};
  const auto values = test::random_clip(random, shape);
  const auto xyz = random_points(random, shape.positions);
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
    const Tensor features = test::clip_tensor(values, shape, dtype);
    Resources plain(1, InstructionSet::baseline);
    VoxelGroups groups;
    group_by_voxel(plain, xyz, 0.4F, groups);
    Tensor expected, pooled;
    pool_groups(plain, features.view()[0], groups, expected);
    for (const int threads : {1, 2, 5}) {
      Resources resources(threads, GetParam());
      pool_groups(resources, features.view()[0], groups, pooled);
      EXPECT_EQ(bytes_of(pooled), bytes_of(expected)) << threads << " threads";
    }
  }
}

TEST_P(VoxelPooling, IsTheSumInSinglePrecisionDividedByTheCount) {
  // They round differently in another order, in f64, and multiplied by a third.
  const std::vector<float> features{0.1F, 0.1F, 0.7F};
  const std::vector<float> xyz(9, 0.0F);
  Resources resources(1, GetParam());
  VoxelGroups groups;
  group_by_voxel(resources, xyz, 1.0F, groups);
  Tensor pooled;
  pool_groups(resources, TensorView(features.data(), DType::f32, {3, 1}), groups, pooled);
  EXPECT_EQ(pooled.as<float>()[0], ((0.1F + 0.1F) + 0.7F) / 3.0F);
}

TEST_P(VoxelPooling, OneMemberIsKeptBitForBit) {
  // All 2^16 patterns of a 16-bit type, NaN and subnormal numbers included.
  std::vector<std::uint16_t> patterns(1 << 16);
  for (std::size_t i = 0; i < patterns.size(); ++i) patterns[i] = static_cast<std::uint16_t>(i);
  const std::vector<float> xyz{0, 0, 0, 1, 0, 0, 2, 0, 0, 3, 0, 0};
  Resources resources(2, GetParam());
  VoxelGroups groups;
  group_by_voxel(resources, xyz, 1.0F, groups);
  for (const DType dtype : {DType::f16, DType::bf16}) {
    Tensor pooled;
    pool_groups(resources, TensorView(patterns.data(), dtype, {4, 1 << 14}), groups, pooled);
    EXPECT_EQ(std::memcmp(pooled.data(), patterns.data(), pooled.byte_size()), 0);
  }
}

TEST_P(VoxelPooling, HugeValuesDoNotOverflow) {
  constexpr float huge = 3e38F;
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> features{huge, 0.1F, infinity, huge, 0.1F, 1, huge, 0.7F, 1};
  const std::vector<float> xyz(9, 0.0F);
  Resources resources(1, GetParam());
  VoxelGroups groups;
  group_by_voxel(resources, xyz, 1.0F, groups);
  Tensor pooled;
  pool_groups(resources, TensorView(features.data(), DType::f32, {3, 3}), groups, pooled);
  EXPECT_EQ(pooled.as<float>()[0], huge);
  EXPECT_EQ(pooled.as<float>()[1], ((0.1F + 0.1F) + 0.7F) / 3.0F) << "beside them, f32 as ever";
  EXPECT_EQ(pooled.as<float>()[2], infinity) << "infinite members have an infinite mean";
}

TEST_P(VoxelPooling, RowsMayLieApart) {
  const std::vector<float> features{1, 2, -1, 3, 4, -1, 5, 6, -1};  // rows of 2 every 3
  const std::array<std::int64_t, 2> strides{3, 1};
  const std::vector<float> xyz{0, 0, 0, 9, 0, 0, 0, 0, 0};
  Resources resources(1, GetParam());
  VoxelGroups groups;
  group_by_voxel(resources, xyz, 1.0F, groups);
  Tensor pooled;
  pool_groups(resources, TensorView(features.data(), DType::f32, {3, 2}, strides), groups, pooled);
  EXPECT_EQ(std::vector<float>(pooled.as<float>().begin(), pooled.as<float>().end()),
            (std::vector<float>{3, 4, 3, 4}));
}

INSTANTIATE_TEST_SUITE_P(EveryInstructionSet, VoxelPooling,
                         ::testing::ValuesIn(available_instruction_sets()),
                         [](const auto& set) { return std::string(name(set.param)); });

TEST(VoxelPositions, AreTheMeansOfTheMembers) {
  test::Random random(35);
  const auto xyz = random_points(random, 3000);
  Resources resources(2);
  VoxelGroups groups;
  group_by_voxel(resources, xyz, 0.3F, groups);
  std::vector<float> centres;
  mean_positions(xyz, groups, centres);
  ASSERT_EQ(centres.size(), static_cast<std::size_t>(groups.size()) * 3);
  std::size_t row = 0;
  for (const auto& [cell, members] : groups_by_definition(xyz, 0.3F)) {
    for (std::size_t axis = 0; axis < 3; ++axis) {
      double sum = 0;
      for (const std::int32_t member : members)
        sum += static_cast<double>(xyz[static_cast<std::size_t>(member) * 3 + axis]);
      ASSERT_EQ(centres[row * 3 + axis],
                static_cast<float>(sum / static_cast<double>(members.size())));
    }
    ++row;
  }
}

}  // namespace
}  // namespace sluice::kernels
