#include "kernels/bit_mask.h"

#include <gtest/gtest.h>

namespace sluice::kernels {
namespace {

TEST(BitMask, CountsAndVisitsOnlyItsOwnBits) {
  for (const std::int64_t size : {1, 63, 64, 65, 196}) {
    BitMask all(size, true);
    EXPECT_EQ(all.count(), size);
    std::int64_t clear = 0;
    all.for_each_clear([&](std::int64_t) { ++clear; });
    EXPECT_EQ(clear, 0);
    BitMask none(size);
    none.for_each_clear([&](std::int64_t bit) { EXPECT_EQ(bit, clear++); });
    EXPECT_EQ(clear, size);
  }
}

TEST(BitMask, PacksBytesAndIntersects) {
  std::vector<std::uint8_t> flags(130, 0);
  flags[0] = flags[64] = flags[129] = 7;
  BitMask mask;
  mask.pack(flags);
  EXPECT_EQ(mask.count(), 3);
  EXPECT_TRUE(mask[129]);
  BitMask other(130);
  other.set(64);
  other.set(65);
  mask &= other;
  EXPECT_EQ(mask.count(), 1);
  EXPECT_TRUE(mask[64]);
}

}  // namespace
}  // namespace sluice::kernels
