// Ordered rows and their edits, against std::map.
#include <gtest/gtest.h>

#include <map>

#include "spatial3d/table_order.h"
#include "tests/support/random_clip.h"

namespace sluice::spatial3d {
namespace {

TEST(TableOrder, EditsTurnTheRowsBeforeIntoThoseAfterwards) {
  test::Random random(3320);
  for (std::int64_t round = 0; round < test::cases(400); ++round) {
    TableOrder order;
    std::map<std::int64_t, std::int32_t> expected;
    std::vector<std::int64_t> keys;     // one entry per row
    std::vector<std::int64_t> doubled;  // two per row
    const std::int64_t range = random.integer(1, 60);
    for (std::int32_t update = 0; update < 12; ++update) {
      const std::int64_t changes = random.integer(0, 30);
      order.reserve(changes);
      for (std::int64_t i = 0; i < changes; ++i) {
        const std::int64_t key = random.integer(0, range);
        const auto slot = static_cast<std::int32_t>(random.integer(0, 1000));
        if (expected.erase(key) == 1) {
          order.note_gone(key);
        } else {
          expected[key] = slot;
          order.note_new(key, slot);
        }
      }
      const RowEdits& edits = order.update();
      apply(edits, 1, keys);
      apply(edits, 2, doubled);
      const auto entries = order.entries();
      ASSERT_EQ(entries.size(), expected.size());
      ASSERT_EQ(keys.size(), expected.size());
      for (const std::int64_t row : edits.inserted) {
        const auto at = static_cast<std::size_t>(row);
        keys[at] = entries[at].key;
        doubled[2 * at] = doubled[2 * at + 1] = entries[at].key;
      }
      std::size_t row = 0;
      for (const auto& [key, slot] : expected) {
        ASSERT_EQ(entries[row].key, key) << "round " << round << ", update " << update;
        ASSERT_EQ(entries[row].slot, slot);
        ASSERT_EQ(keys[row], key) << "round " << round << ", update " << update;
        ASSERT_EQ(doubled[2 * row], key);
        ASSERT_EQ(doubled[2 * row + 1], key);
        ASSERT_EQ(order.row_of(key), static_cast<std::int64_t>(row));
        ++row;
      }
      ASSERT_EQ(order.row_of(range + 1), -1);
    }
  }
}

}  // namespace
}  // namespace sluice::spatial3d
