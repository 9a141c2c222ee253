// Promise 5 for voxel tokens: every one can be traced to its patches, every patch to a voxel or a
// reason.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "spatial3d/spatial_reducer.h"
#include "tests/support/spatial_frames.h"

namespace sluice {
namespace {

struct Origin {
  std::int64_t weight = 0;
  std::int32_t first = 0, last = 0, views = 0;
  double first_pts = 0, last_pts = 0;
};

TEST(Promise5SpatialOriginTravels, PatchesAndTokensTellTheSameStory) {
  kernels::Resources resources(1);
  test::Random random(3501);
  for (std::int64_t round = 0; round < test::cases(2'000); ++round) {
    const test::SpatialClipOptions clip{
        .frames = random.integer(1, 8), .hole = 0.4, .broken = 0.05, .lost = 0.1, .moved = 0.3};
    const auto options = test::random_reducer_options(random);
    spatial3d::SpatialReducer reducer(resources, test::spatial_source(clip), options);
    spatial3d::SpatialUpdate update;
    std::map<kernels::VoxelKey, Origin> origins;
    stream::TokenBatch batch;
    for (const auto& frame : test::spatial_clip(random, clip)) {
      reducer.push(frame, update);
      const auto& changes = update.changes;
      const auto f = static_cast<std::int32_t>(frame.index);
      ASSERT_EQ(static_cast<std::int64_t>(changes.voxel_of_patch.size()), update.patches);
      // What a frame forgets goes before or after what it adds; a voxel is never in both lists.
      for (const auto& gone : {changes.seen_through, changes.evicted})
        for (const auto key : gone) ASSERT_EQ(origins.erase(key), 1u) << "round " << round;
      std::map<kernels::VoxelKey, bool> seen_now;
      for (const auto key : changes.voxel_of_patch) {
        if (key < 0) {
          ASSERT_LE(key, static_cast<std::int64_t>(stream::DropReason::non_finite));
          ASSERT_GE(key, static_cast<std::int64_t>(stream::DropReason::evicted));
          continue;
        }
        auto [at, is_new] = origins.try_emplace(key);
        Origin& origin = at->second;
        if (is_new) {
          origin.first = f;
          origin.first_pts = frame.pts;
          ASSERT_TRUE(std::binary_search(changes.added.begin(), changes.added.end(), key));
        }
        ++origin.weight;
        origin.last = f;
        origin.last_pts = frame.pts;
        if (seen_now.try_emplace(key, true).second) ++origin.views;
      }
      const auto& table = reducer.table();
      ASSERT_EQ(table.size(), static_cast<std::int64_t>(origins.size()))
          << "round " << round << ", frame " << f;
      std::size_t row = 0;
      for (const auto& [key, origin] : origins) {
        ASSERT_EQ(table.key[row], key);
        ASSERT_EQ(table.weight[row], origin.weight);
        ASSERT_EQ(table.views[row], origin.views);
        ASSERT_EQ(table.first_frame[row], origin.first);
        ASSERT_EQ(table.last_frame[row], origin.last);
        ASSERT_EQ(table.first_pts[row], origin.first_pts);
        ASSERT_EQ(table.last_pts[row], origin.last_pts);
        ++row;
      }
      reducer.tokens(update.decision, batch);
      for (std::size_t i = 0; i < batch.key.size(); ++i) {
        const Origin& origin = origins.at(batch.key[i]);
        ASSERT_EQ(batch.weight[i], origin.weight);
        ASSERT_EQ(batch.frame[i], origin.first);
        ASSERT_EQ(batch.frame_last[i], origin.last);
        ASSERT_EQ(kernels::voxel_of(&batch.xyz[3 * i], options.map.voxel_size), batch.key[i])
            << "the mean of points in a cell lies in the cell";
        ASSERT_EQ(batch.kind[i], static_cast<std::uint8_t>(stream::TokenKind::spatial));
      }
    }
  }
}

}  // namespace
}  // namespace sluice
