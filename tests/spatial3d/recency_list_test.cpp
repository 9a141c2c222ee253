// The order in which voxels were last seen, against std::list.
#include <gtest/gtest.h>

#include <list>

#include "spatial3d/recency_list.h"
#include "tests/support/random_clip.h"

namespace sluice::spatial3d {
namespace {

TEST(RecencyList, DoesWhatAListDoes) {
  test::Random random(3315);
  for (std::int64_t round = 0; round < test::cases(200); ++round) {
    VoxelStore store;
    store.set_width(1);
    store.reserve(40);
    RecencyList recency;
    std::list<std::int32_t> expected;
    for (int step = 0; step < 400; ++step) {
      const auto key = kernels::pack({static_cast<std::int32_t>(random.integer(0, 39)), 0, 0});
      std::int32_t slot = store.find(key);
      if (slot == no_slot) {
        slot = store.insert(key);
      } else {
        recency.remove(store, slot);
        expected.remove(slot);
      }
      if (random.chance(0.6)) {
        recency.append(store, slot);
        expected.push_back(slot);
      } else {
        store.erase(slot);
      }
      std::int32_t at = recency.oldest();
      for (const std::int32_t each : expected) {
        ASSERT_EQ(at, each) << "round " << round << ", step " << step;
        at = store[at].newer;
      }
      ASSERT_EQ(at, no_slot) << "round " << round << ", step " << step;
    }
  }
}

}  // namespace
}  // namespace sluice::spatial3d
