// A map that has its memory does not allocate: growth apart, frames cost no trip to the heap.
#include <gtest/gtest.h>

#include <vector>

#include "spatial3d/voxel_map.h"
#include "tests/support/allocation_counter.h"
#include "tests/support/box_scene.h"
#include "tests/support/map_frames.h"

namespace sluice::spatial3d {
namespace {

TEST(VoxelMapAllocation, NoneInSteadyState) {
  test::Random random(3390);
  const auto camera = test::pinhole(64, 48, 60);
  const test::Box wall{{-4, -4, -4}, {4, 4, 4}};
  std::vector<test::MapFrame> laps;  // voxels are added, seen through, evicted and added again
  for (std::int32_t i = 0; i < 12; ++i) {
    auto frame = test::random_map_frame(random, 100, 16, 0);
    frame.intrinsics = camera.intrinsics;
    if (i % 4 == 0) frame.depth = test::render_depth({wall}, camera, *frame.pose, {}, random);
    laps.push_back(std::move(frame));
  }
  kernels::Resources resources(2);
  VoxelMap map(resources, {.voxel_size = 0.1F, .max_age = 5, .max_voxels = 300});
  MapChanges changes;
  VoxelTable table;
  kernels::Tensor features;
  std::vector<std::int32_t> rows;
  std::int64_t added = 0, seen_through = 0, evicted = 0;
  const auto lap = [&](std::int32_t number) {
    for (std::size_t i = 0; i < laps.size(); ++i) {
      laps[i].number = number * 12 + static_cast<std::int32_t>(i);
      map.integrate(laps[i].view(), changes);
      map.table(table);
      rows.assign(static_cast<std::size_t>(std::min<std::int64_t>(table.size(), 20)), 0);
      map.features(table, rows, features);
      added += std::ssize(changes.added);
      seen_through += std::ssize(changes.seen_through);
      evicted += std::ssize(changes.evicted);
    }
  };
  for (std::int32_t i = 0; i < 3; ++i) lap(i);
  const std::int64_t before = test::allocations();
  added = seen_through = evicted = 0;
  for (std::int32_t i = 3; i < 6; ++i) lap(i);
  EXPECT_EQ(test::allocations(), before);
  EXPECT_GT(added, 0);
  EXPECT_GT(seen_through, 0);
  EXPECT_GT(evicted, 0);
}

}  // namespace
}  // namespace sluice::spatial3d
