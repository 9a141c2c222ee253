// Looking up voxels by region, against going through all of them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "spatial3d/block_index.h"
#include "tests/support/box_scene.h"
#include "tests/support/random_clip.h"

namespace sluice::spatial3d {
namespace {

/// A store and its index, with voxels that come and go.
struct Cloud {
  explicit Cloud(double voxel_size) : blocks(voxel_size) { store.set_width(1); }

  void churn(test::Random& random, std::int64_t steps, std::int64_t side) {
    for (std::int64_t step = 0; step < steps; ++step) {
      const auto axis = [&] { return static_cast<std::int32_t>(random.integer(-side, side)); };
      const auto key = kernels::pack({axis(), axis(), axis()});
      const std::int32_t known = store.find(key);
      if (known == no_slot) {
        store.reserve(1);
        blocks.reserve(1);
        const std::int32_t slot = store.insert(key);
        blocks.add(store, slot);
        slots.insert(slot);
      } else if (random.chance(0.7)) {
        blocks.remove(store, known);
        store.erase(known);
        slots.erase(known);
      }
    }
  }

  VoxelStore store;
  BlockIndex blocks;
  std::set<std::int32_t> slots;
};

bool falls_into_picture(const CameraView& view, const Vec3& world, double farthest) {
  const Vec3 p = view.to_camera(world);
  if (!(p[2] > 0 && p[2] <= farthest)) return false;
  return view.column(p) >= -0.5 && view.column(p) < static_cast<double>(view.width()) - 0.5 &&
         view.row(p) >= -0.5 && view.row(p) < static_cast<double>(view.height()) - 0.5;
}

TEST(BlockIndex, FindsEveryVoxelInViewOnceAndFewOthers) {
  test::Random random(3330);
  std::int64_t found_in_all = 0, seen_in_all = 0, voxels_in_all = 0;
  for (std::int64_t round = 0; round < test::cases(400); ++round) {
    const double size = random.between(0.01, 0.3);
    const std::int64_t side = random.integer(2, 300);  // some fill a block, some many regions
    Cloud cloud(size);
    cloud.churn(random, 3000, side);
    const double reach = size * static_cast<double>(side);
    const auto anywhere = [&] {
      return Vec3{random.between(-reach, reach), random.between(-reach, reach),
                  random.between(-reach, reach)};
    };
    const auto camera = test::pinhole(64, 48, random.between(30, 100));
    const double farthest = random.chance(0.2) ? 1e6 : random.between(0.1, 1.5) * reach;
    const CameraView view(camera.intrinsics, camera.width, camera.height,
                          test::look_at(anywhere(), anywhere()), farthest);
    std::vector<std::int32_t> blocks;
    cloud.blocks.in_view(view, blocks);
    std::set<std::int32_t> found;
    for (const std::int32_t block : blocks)
      cloud.blocks.for_each_voxel(cloud.store, block, [&](std::int32_t slot) {
        ASSERT_TRUE(found.insert(slot).second) << "twice, round " << round;
        ASSERT_TRUE(cloud.slots.count(slot) == 1) << "gone, round " << round;
      });
    for (const std::int32_t slot : cloud.slots)
      if (falls_into_picture(view, cloud.blocks.centre(cloud.store[slot].key), farthest)) {
        ASSERT_TRUE(found.count(slot) == 1) << "missed, round " << round;
        ++seen_in_all;
      }
    found_in_all += std::ssize(found);
    voxels_in_all += std::ssize(cloud.slots);
  }
  EXPECT_GT(seen_in_all, 100);
  EXPECT_LT(found_in_all - seen_in_all, (voxels_in_all - seen_in_all) / 2);
}

TEST(BlockIndex, FindsExactlyWhatIsBeyondADistance) {
  test::Random random(3331);
  for (std::int64_t round = 0; round < test::cases(400); ++round) {
    const double size = random.between(0.01, 0.3);
    Cloud cloud(size);
    cloud.churn(random, 2000, random.integer(2, 200));
    const double reach = 60 * size;
    const Vec3 from{random.between(-reach, reach), random.between(-reach, reach), 0};
    const double distance = random.between(0, 2 * reach);
    std::vector<std::int32_t> beyond;
    cloud.blocks.beyond(cloud.store, from, distance, beyond);
    const std::set<std::int32_t> found(beyond.begin(), beyond.end());
    ASSERT_EQ(found.size(), beyond.size());
    for (const std::int32_t slot : cloud.slots) {
      const Vec3 centre = cloud.blocks.centre(cloud.store[slot].key);
      const double actual =
          std::hypot(centre[0] - from[0], centre[1] - from[1], centre[2] - from[2]);
      ASSERT_EQ(found.count(slot) == 1, actual > distance) << "round " << round;
    }
  }
}

TEST(BlockIndex, ForgetsEverything) {
  test::Random random(3332);
  Cloud cloud(0.1);
  cloud.churn(random, 500, 20);
  cloud.blocks.clear();
  cloud.store.clear();
  std::vector<std::int32_t> slots;
  cloud.blocks.beyond(cloud.store, {0, 0, 0}, 0, slots);
  EXPECT_TRUE(slots.empty());
}

}  // namespace
}  // namespace sluice::spatial3d
