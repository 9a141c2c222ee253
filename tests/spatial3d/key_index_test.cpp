// The hash map from voxel keys to small numbers, against std::map.
#include <gtest/gtest.h>

#include <map>

#include "spatial3d/key_index.h"
#include "tests/support/random_clip.h"

namespace sluice::spatial3d {
namespace {

using kernels::VoxelKey;

/// Few enough that keys come and go and come again.
VoxelKey random_key(test::Random& random, std::int64_t side) {
  const auto axis = [&] { return static_cast<std::int32_t>(random.integer(-side, side)); };
  return kernels::pack({axis(), axis(), axis()});
}

TEST(KeyIndex, EmptyFindsNothing) {
  KeyIndex index;
  EXPECT_EQ(index.find(kernels::pack({0, 0, 0})), -1);
  index.erase(kernels::pack({0, 0, 0}));
  EXPECT_EQ(index.size(), 0);
}

TEST(KeyIndex, DoesWhatAMapDoes) {
  test::Random random(3310);
  for (std::int64_t round = 0; round < test::cases(200); ++round) {
    KeyIndex index;
    std::map<VoxelKey, std::int32_t> expected;
    const std::int64_t side = random.integer(1, 8);
    for (std::int32_t step = 0; step < 2000; ++step) {
      const VoxelKey key = random_key(random, side);
      const auto known = expected.find(key);
      ASSERT_EQ(index.find(key), known == expected.end() ? -1 : known->second)
          << "round " << round << ", step " << step;
      if (random.chance(0.55)) {
        if (known == expected.end()) {
          index.reserve(index.size() + 1);
          index.insert(key, step);
          expected[key] = step;
        }
      } else {
        index.erase(key);
        expected.erase(key);
      }
      ASSERT_EQ(index.size(), std::ssize(expected));
    }
    for (const auto& [key, value] : expected) ASSERT_EQ(index.find(key), value);
    index.clear();
    for (const auto& [key, value] : expected) ASSERT_EQ(index.find(key), -1);
  }
}

TEST(KeyIndex, InsertingAfterReserveKeepsEverything) {
  KeyIndex index;
  index.reserve(10'000);
  for (std::int32_t i = 0; i < 10'000; ++i) index.insert(kernels::pack({i, -i, 7}), i);
  for (std::int32_t i = 0; i < 10'000; ++i) ASSERT_EQ(index.find(kernels::pack({i, -i, 7})), i);
}

}  // namespace
}  // namespace sluice::spatial3d
