// Promise 2 for voxel tokens: the same bits for every thread count, the same kept set on every
// instruction set.
#include <gtest/gtest.h>

#include <cstring>

#include "spatial3d/spatial_reducer.h"
#include "tests/support/spatial_frames.h"

namespace sluice {
namespace {

struct Outcome {
  std::vector<kernels::VoxelKey> keys;
  std::vector<float> xyz;
  std::vector<std::byte> features;
  std::vector<std::vector<std::int64_t>> patches;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome run(kernels::Resources& resources, const test::SpatialClipOptions& clip,
            const spatial3d::SpatialReducerOptions& options, std::uint64_t seed) {
  test::Random random(seed);
  spatial3d::SpatialReducer reducer(resources, test::spatial_source(clip), options);
  spatial3d::SpatialUpdate update;
  Outcome outcome;
  for (const auto& frame : test::spatial_clip(random, clip)) {
    reducer.push(frame, update);
    outcome.patches.push_back(update.changes.voxel_of_patch);
  }
  stream::TokenBatch batch;
  reducer.tokens(update.decision, batch);
  outcome.keys = batch.key;
  outcome.xyz = batch.xyz;
  outcome.features.resize(batch.features.byte_size());
  if (!outcome.features.empty())
    std::memcpy(outcome.features.data(), batch.features.data(), outcome.features.size());
  return outcome;
}

TEST(Promise2SameSpatialTokens, EveryThreadCountAndInstructionSet) {
  const auto best = kernels::default_instruction_set();
  kernels::Resources one(1, best), two(2, best), four(4, best);
  test::Random random(3201);
  for (std::int64_t round = 0; round < test::cases(400); ++round) {
    const test::SpatialClipOptions clip{
        .rows = 12, .cols = 12, .width = random.integer(1, 70), .broken = 0.02, .moved = 0.2};
    const auto options = test::random_reducer_options(random);
    const std::uint64_t seed = 50'000 + static_cast<std::uint64_t>(round);
    const Outcome expected = run(one, clip, options, seed);
    ASSERT_EQ(run(two, clip, options, seed), expected) << "round " << round;
    ASSERT_EQ(run(four, clip, options, seed), expected) << "round " << round;
    for (const auto set : kernels::available_instruction_sets()) {
      kernels::Resources resources(1, set);
      const Outcome other = run(resources, clip, options, seed);
      ASSERT_EQ(other.keys, expected.keys) << "round " << round << ", " << name(set);
      ASSERT_EQ(other.patches, expected.patches) << "round " << round << ", " << name(set);
      ASSERT_EQ(other.xyz, expected.xyz) << "round " << round << ", " << name(set);
    }
  }
}

}  // namespace
}  // namespace sluice
