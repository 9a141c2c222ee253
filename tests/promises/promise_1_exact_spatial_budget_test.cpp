// Promise 1 for voxel tokens: after every frame exactly min(budget, voxels) are kept.
#include <gtest/gtest.h>

#include <algorithm>

#include "kernels/rounding.h"
#include "spatial3d/spatial_reducer.h"
#include "tests/support/spatial_frames.h"

namespace sluice {
namespace {

TEST(Promise1ExactSpatialBudget, AfterEveryFrame) {
  kernels::Resources resources(1);
  test::Random random(3101);
  for (std::int64_t round = 0; round < test::cases(4'000); ++round) {
    const test::SpatialClipOptions clip{.frames = random.integer(1, 8),
                                        .hole = random.uniform(),
                                        .broken = 0.05,
                                        .lost = 0.2,
                                        .moved = 0.3};
    const auto options = test::random_reducer_options(random);
    spatial3d::SpatialReducer reducer(resources, test::spatial_source(clip), options);
    spatial3d::SpatialUpdate update;
    stream::TokenBatch batch;
    for (const auto& frame : test::spatial_clip(random, clip)) {
      reducer.push(frame, update);
      const std::int64_t voxels = reducer.table().size();
      const std::int64_t budget = options.budget.value_or(
          kernels::round_half_even(options.retain * static_cast<double>(voxels)));
      SCOPED_TRACE(testing::Message() << "round " << round << ", frame " << frame.index);
      ASSERT_EQ(update.voxels, voxels);
      ASSERT_EQ(update.budget, budget);
      const auto& keep = update.decision.keep;
      ASSERT_EQ(static_cast<std::int64_t>(keep.size()), std::min(budget, voxels));
      ASSERT_TRUE(std::is_sorted(keep.begin(), keep.end()));
      ASSERT_EQ(std::adjacent_find(keep.begin(), keep.end()), keep.end());
      ASSERT_TRUE(keep.empty() || (keep.front() >= 0 && keep.back() < voxels));
      reducer.tokens(update.decision, batch);
      ASSERT_EQ(batch.size(), static_cast<std::int64_t>(keep.size()));
      ASSERT_NO_THROW(validate(batch, "tokens"));
      ASSERT_LE(voxels, options.map.max_voxels);
    }
  }
}

TEST(Promise1ExactSpatialBudget, FeedbackChangesWhichNotHowMany) {
  kernels::Resources resources(1);
  test::Random random(3102);
  for (std::int64_t round = 0; round < test::cases(1'000); ++round) {
    const test::SpatialClipOptions clip{.moved = 0.2};
    auto options = test::random_reducer_options(random);
    options.retain = 0.3;
    options.budget.reset();
    spatial3d::SpatialReducer reducer(resources, test::spatial_source(clip), options);
    spatial3d::SpatialUpdate update;
    for (const auto& frame : test::spatial_clip(random, clip)) {
      reducer.push(frame, update);
      ASSERT_EQ(static_cast<std::int64_t>(update.decision.keep.size()),
                kernels::round_half_even(0.3 * static_cast<double>(reducer.table().size())));
      std::vector<kernels::VoxelKey> keys;
      std::vector<float> attention;
      for (const auto row : update.decision.keep) {
        keys.push_back(reducer.table().key[static_cast<std::size_t>(row)]);
        attention.push_back(random.chance(0.5) ? 0.0F : static_cast<float>(random.uniform()));
      }
      keys.push_back(kernels::pack({9, 9, 9}));  // of a token that is gone, or never was
      attention.push_back(1);
      reducer.feedback(keys, attention);
    }
  }
}

}  // namespace
}  // namespace sluice
