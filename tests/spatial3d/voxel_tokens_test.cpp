#include "spatial3d/voxel_tokens.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <limits>

#include "kernels/voxel_key.h"
#include "tests/spatial3d/voxel_points.h"
#include "tests/support/spatial_oracles.h"

namespace sluice::spatial3d {
namespace {

using kernels::DType;
using kernels::Resources;
using stream::DropReason;
using test::expect_consistent;
using test::place_of;
using test::PointOptions;
using test::Points;
using test::points_at;
using test::pool;
using test::Random;
using test::random_points;
using test::rows_of;

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinite = std::numeric_limits<float>::infinity();

TEST(VoxelTokens, RoundsToTheNearestCell) {
  // Worked out by hand: 0.09, 0.11 and −0.11 m at 0.2 m.
  const auto result = pool(points_at({0.09F, 0, 0, 0.11F, 0, 0, -0.11F, 0, 0}));
  ASSERT_EQ(result.tokens.size(), 3);
  std::vector<std::int32_t> cells;
  for (const auto key : result.tokens.key) cells.push_back(kernels::unpack(key).x);
  EXPECT_EQ(cells, (std::vector<std::int32_t>{-1, 0, 1}));
  EXPECT_EQ(result.assignment, (std::vector<std::int32_t>{1, 2, 0}));
}

TEST(VoxelTokens, AgreesWithADoubleOracle) {
  for (std::int64_t seed = 0; seed < test::cases(2000); ++seed) {
    SCOPED_TRACE(seed);
    Random random(static_cast<std::uint64_t>(seed));
    const std::array types{DType::f32, DType::f16, DType::bf16};
    const DType dtype = types.at(static_cast<std::size_t>(random.integer(0, 2)));
    PointOptions options;
    options.no_depth = random.chance(0.5) ? 0.2 : 0;
    options.outside = random.chance(0.5) ? 0.1 : 0;
    options.broken = random.chance(0.5) ? 0.1 : 0;
    const auto points =
        random_points(random, random.integer(0, 300), random.integer(1, 40), dtype, options);
    VoxelTokenOptions how;
    how.voxel_size = static_cast<float>(random.between(0.05, 1.5));
    how.max_tokens = 0;
    const auto result = pool(points, how);

    const auto rows = rows_of(points.features);
    const auto voxels =
        test::oracle_voxels(rows, points.xyz, points.frame, points.pts, how.voxel_size);
    EXPECT_EQ(result.voxels, static_cast<std::int64_t>(voxels.size()));
    expect_consistent(result, points, voxels.size());
    const auto pooled = rows_of(result.tokens.features);
    std::vector<std::int32_t> assignment(points.size(), 0);
    for (std::size_t i = 0; i < points.size(); ++i) {
      const float* p = &points.xyz[3 * i];
      const bool placed = !std::isnan(p[0]) && !std::isnan(p[1]) && !std::isnan(p[2]);
      assignment[i] = static_cast<std::int32_t>(!placed ? DropReason::no_depth
                                                : !test::oracle_cell(p, how.voxel_size)
                                                    ? DropReason::outside
                                                    : DropReason::non_finite);
    }
    std::size_t row = 0;
    for (const auto& [cell, voxel] : voxels) {
      const auto index = kernels::unpack(result.tokens.key[row]);
      EXPECT_EQ((std::array<std::int64_t, 3>{index.x, index.y, index.z}), cell);
      EXPECT_LT(test::distance(place_of(result, row), voxel.centre), 1e-6);
      EXPECT_EQ(result.tokens.weight[row], static_cast<std::int64_t>(voxel.members.size()));
      EXPECT_EQ(result.views[row], static_cast<std::int32_t>(voxel.frames.size()));
      EXPECT_EQ(result.tokens.frame[row], *voxel.frames.begin());
      EXPECT_EQ(result.tokens.frame_last[row], *voxel.frames.rbegin());
      EXPECT_EQ(result.tokens.pts[row], voxel.first_pts);
      EXPECT_EQ(result.tokens.pts_last[row], voxel.last_pts);
      for (std::size_t d = 0; d < voxel.feature.size(); ++d)
        EXPECT_NEAR(pooled[row][d], voxel.feature[d], test::tolerance_of(dtype));
      for (const std::size_t i : voxel.members) assignment[i] = static_cast<std::int32_t>(row);
      ++row;
    }
    EXPECT_EQ(result.assignment, assignment);
  }
}

TEST(VoxelTokens, NothingInNothingOut) {
  for (const std::int64_t n : {0, 20}) {
    Random random(65);
    Points points = random_points(random, n, 7, DType::bf16);
    std::fill(points.xyz.begin(), points.xyz.end(), not_a_number);
    const auto result = pool(points);
    expect_consistent(result, points, 0);
    EXPECT_EQ(result.voxels, 0);
    for (const std::int32_t fate : result.assignment)
      EXPECT_EQ(fate, static_cast<std::int32_t>(DropReason::no_depth));
  }
}

TEST(VoxelTokens, OnlyBrokenFeaturesGiveNoToken) {
  Points points = points_at({0, 0, 0, 0, 0, 0, 1, 0, 0});
  points.features.as<float>()[0] = not_a_number;
  points.features.as<float>()[2] = infinite;
  const auto result = pool(points);
  expect_consistent(result, points, 1);
  constexpr auto broken = static_cast<std::int32_t>(DropReason::non_finite);
  EXPECT_EQ(result.assignment, (std::vector<std::int32_t>{broken, 0, broken}));
  EXPECT_EQ(result.tokens.features.as<float>()[0], 1);
}

TEST(VoxelTokens, LargeFeaturesAreNotTakenForBroken) {
  Points points = points_at({0, 0, 0, 0, 0, 0, 0, 0, 0});
  for (float& value : points.features.as<float>()) value = 3e38F;  // the sum is no f32
  const auto result = pool(points);
  expect_consistent(result, points, 1);
  EXPECT_FLOAT_EQ(result.tokens.features.as<float>()[0], 3e38F);
}

TEST(VoxelTokens, TheCapIsExactAndKeepsCoverage) {
  for (std::int64_t seed = 0; seed < test::cases(400); ++seed) {
    SCOPED_TRACE(seed);
    Random random(static_cast<std::uint64_t>(seed) + 1000);
    const Points points = random_points(random, random.integer(1, 400), 3, DType::f32);
    VoxelTokenOptions options;
    options.max_tokens = 0;
    const auto all = pool(points, options);
    options.max_tokens = random.integer(1, 120);
    const auto kept = pool(points, options);
    const auto voxels = static_cast<std::size_t>(all.voxels);
    const auto cap = static_cast<std::size_t>(options.max_tokens);
    EXPECT_EQ(kept.voxels, all.voxels);
    expect_consistent(kept, points, std::min(cap, voxels));

    std::vector<stream::Vec3> places;
    for (std::size_t row = 0; row < voxels; ++row) places.push_back(place_of(all, row));
    const auto expected = test::oracle_farthest(places, cap);
    const auto rows = rows_of(all.tokens.features), kept_rows = rows_of(kept.tokens.features);
    std::vector<std::int32_t> fate(voxels, static_cast<std::int32_t>(DropReason::over_cap));
    for (std::size_t row = 0; row < expected.size(); ++row) {
      EXPECT_EQ(kept.tokens.key[row], all.tokens.key[expected[row]]);
      EXPECT_EQ(kept_rows[row], rows[expected[row]]);
      fate[expected[row]] = static_cast<std::int32_t>(row);
    }
    for (std::size_t i = 0; i < points.size(); ++i)
      EXPECT_EQ(kept.assignment[i], fate[static_cast<std::size_t>(all.assignment[i])]);
    const auto reason =
        cap < voxels ? stream::KeepReason::coverage : stream::KeepReason::everything;
    for (const auto why : kept.tokens.reason) EXPECT_EQ(why, static_cast<std::uint8_t>(reason));
  }
}

TEST(VoxelTokens, TheSeededSampleIsExactRepeatableAndSpreads) {
  Random random(66);
  const Points points = random_points(random, 600, 3, DType::f32);
  VoxelTokenOptions options;
  options.max_tokens = 60;
  options.cap_choice = CapChoice::seeded_sample;
  std::vector<std::int64_t> last;
  for (options.seed = 0; options.seed < 40; ++options.seed) {
    const auto result = pool(points, options);
    expect_consistent(result, points, 60);
    EXPECT_EQ(result.tokens.key, pool(points, options).tokens.key);
    EXPECT_NE(result.tokens.key, last);
    for (const auto why : result.tokens.reason)
      EXPECT_EQ(why, static_cast<std::uint8_t>(stream::KeepReason::sampled));
    last = result.tokens.key;
  }
}

TEST(VoxelTokens, ThreadsAndInstructionSetsDoNotMatter) {
  Random random(67);
  PointOptions options;
  options.broken = 0.02;
  const Points points = random_points(random, 30000, 33, DType::f16, options);
  VoxelTokenOptions how;
  how.max_tokens = 500;
  how.voxel_size = 0.1F;
  Resources one(1, kernels::InstructionSet::baseline);
  const auto expected = pool(one, points, how);
  for (const auto set : kernels::available_instruction_sets())
    for (const int threads : {1, 2, 4}) {
      Resources resources(threads, set);
      const auto result = pool(resources, points, how);
      EXPECT_EQ(result.tokens.key, expected.tokens.key);
      EXPECT_EQ(result.tokens.xyz, expected.tokens.xyz);
      EXPECT_EQ(result.assignment, expected.assignment);
      ASSERT_EQ(result.tokens.features.byte_size(), expected.tokens.features.byte_size());
      EXPECT_EQ(std::memcmp(result.tokens.features.data(), expected.tokens.features.data(),
                            result.tokens.features.byte_size()),
                0)
          << threads << " threads, " << name(set);
    }
}

TEST(VoxelTokens, RefusesWhatDoesNotFit) {
  const auto refuses = [](const Points& points, const VoxelTokenOptions& options,
                          std::string_view text) {
    try {
      (void)pool(points, options);
      ADD_FAILURE() << "accepted; expected an error about " << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::input);
      EXPECT_NE(std::string_view(error.what()).find(text), std::string_view::npos) << error.what();
    }
  };
  const auto make = [] { return points_at({0, 0, 0, 1, 1, 1}); };
  Points points = make();
  points.xyz.pop_back();
  refuses(points, {}, "xyz: has 5");
  points = make();
  points.frame.pop_back();
  refuses(points, {}, "frame: has 1");
  points = make();
  points.pts.push_back(0);
  refuses(points, {}, "pts: has 3");
  points = make();
  points.features.reshape(DType::f32, {2});
  refuses(points, {}, "[N,D]");
  points.features.reshape(DType::f64, {2, 1});
  refuses(points, {}, "f64");
  refuses(make(), {.voxel_size = 0}, "voxel size");
  refuses(make(), {.voxel_size = not_a_number}, "voxel size");
  refuses(make(), {.voxel_size = infinite}, "voxel size");
  refuses(make(), {.max_tokens = -1}, "token cap");
}

}  // namespace
}  // namespace sluice::spatial3d
