// Promise 6 for spatial tokens: with no attention and no feedback the gate still prunes well, from
// the map's geometry alone. tests/apps/spatial_recall_test.cpp measures how well on the sample.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "kernels/resources.h"
#include "spatial3d/spatial_reducer.h"
#include "stream/token_batch.h"
#include "tests/spatial3d/voxel_tables.h"
#include "tests/support/spatial_frames.h"

namespace sluice {
namespace {

using kernels::VoxelKey;
using test::Point;
using test::VoxelSet;

constexpr float size = 0.02F;

struct Room {
  VoxelSet voxels;
  std::set<VoxelKey> things;
};

/// A floor and two walls of 2 m, with small boxes, balls and a pole where they fit.
Room make_room(std::uint64_t seed) {
  test::Random random(seed);
  Room room;
  const double step = static_cast<double>(size);
  const auto add = [&](const Point& p, bool thing) {
    const auto key = test::key_of(p, size);
    room.voxels.try_emplace(key, test::Voxel{.place = p, .first_pts = -100, .views = 5});
    if (thing) room.things.insert(key);
  };
  for (int i = 0; i < 100; ++i)
    for (int j = 0; j < 100; ++j) {
      add({i * step, j * step, 0}, false);
      add({i * step, 0, (j + 1) * step}, false);
      add({0, i * step, (j + 1) * step}, false);
    }
  for (int thing = 0; thing < 8; ++thing) {
    const Point at{0.3 + 0.2 * thing, random.between(0.4, 1.8), step};
    const int side = static_cast<int>(random.integer(3, 5));
    const bool pole = thing == 0, ball = thing % 2 == 1;
    for (int i = 0; i < (pole ? 1 : side); ++i)
      for (int j = 0; j < (pole ? 1 : side); ++j)
        for (int k = 0; k < (pole ? 30 : side); ++k) {
          const double middle = 0.5 * (side - 1);
          if (ball && std::hypot(i - middle, j - middle, k - middle) > 0.6 * side) continue;
          const auto inside = [&](int index) { return 0 < index && index < side - 1; };
          if (inside(i) && inside(j) && inside(k)) continue;  // cameras see surfaces
          add({at.x + i * step, at.y + j * step, at.z + k * step}, true);
        }
  }
  return room;
}

TEST(Promise6SpatialGateWithoutAttention, ThingsAreKeptAndFlatSurfacesGo) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(seed);
    const Room room = make_room(seed);
    const auto table = test::table_of(room.voxels);
    spatial3d::SpatialGateOptions options;
    options.voxel_size = size;
    spatial3d::SpatialGate gate(options);
    spatial3d::GateDecision decision;
    gate.select(table, table.size() * 37 / 100, decision);
    std::size_t kept = 0;
    for (const auto row : decision.keep)
      kept += room.things.contains(table.key[static_cast<std::size_t>(row)]);
    // By chance it would be 37 %.
    EXPECT_GE(static_cast<double>(kept), 0.95 * static_cast<double>(room.things.size()));
  }
}

TEST(Promise6SpatialGateWithoutAttention, NoReasonNamesIt) {
  const Room room = make_room(7);
  const auto table = test::table_of(room.voxels);
  spatial3d::SpatialGateOptions options;
  options.voxel_size = size;
  spatial3d::SpatialGate gate(options);
  spatial3d::GateDecision decision;
  for (int round = 0; round < 3; ++round) {
    gate.select(table, table.size() / 5, decision);
    EXPECT_EQ(std::ranges::count(decision.reason,
                                 static_cast<std::uint8_t>(stream::KeepReason::attention)),
              0);
  }
}

TEST(Promise6SpatialGateWithoutAttention, TheWholeEngineRunsWithoutAnyFeedback) {
  kernels::Resources resources(1);
  test::Random random(906);
  const test::SpatialClipOptions clip{.frames = 8, .rows = 12, .cols = 16};
  spatial3d::SpatialReducerOptions options;
  options.map.voxel_size = 0.05F;
  options.retain = 0.37;
  spatial3d::SpatialReducer reducer(resources, test::spatial_source(clip), options);
  spatial3d::SpatialUpdate update;
  for (const auto& frame : test::spatial_clip(random, clip)) {
    reducer.push(frame, update);
    ASSERT_EQ(static_cast<std::int64_t>(update.decision.keep.size()),
              std::min(update.budget, update.voxels));
    // The scores tell tokens apart: it is not merely the first ones that are kept.
    const auto [least, most] = std::ranges::minmax(update.decision.score);
    EXPECT_LT(least, most);
  }
}

}  // namespace
}  // namespace sluice
