#include "stream/latest_slot.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

namespace sluice::stream {
namespace {

TEST(LatestSlot, HasNothingUntilSomethingIsPublished) {
  LatestSlot<int> slot;
  EXPECT_FALSE(slot.update());
  EXPECT_EQ(slot.latest(), 0);
  slot.writable() = 5;
  EXPECT_FALSE(slot.update());
  EXPECT_TRUE(slot.publish());
  EXPECT_TRUE(slot.update());
  EXPECT_EQ(slot.latest(), 5);
  EXPECT_FALSE(slot.update());
  EXPECT_EQ(slot.latest(), 5);
}

TEST(LatestSlot, TheNewestWinsAndWhatIsReplacedIsSaid) {
  LatestSlot<int> slot;
  for (const int value : {1, 2, 3}) {
    slot.writable() = value;
    EXPECT_EQ(slot.publish(), value == 1);
  }
  EXPECT_TRUE(slot.update());
  EXPECT_EQ(slot.latest(), 3);
  slot.writable() = 4;
  EXPECT_TRUE(slot.publish()) << "3 was taken";
  EXPECT_EQ(slot.latest(), 3) << "until the next update";
}

TEST(LatestSlot, MemoryGoesRound) {
  LatestSlot<std::vector<int>> slot;
  for (int i = 0; i < 3; ++i) {  // each of the three once
    slot.writable().reserve(100);
    (void)slot.publish();
    (void)slot.update();
  }
  for (int i = 0; i < 20; ++i) {
    EXPECT_GE(slot.writable().capacity(), 100);
    (void)slot.publish();
    if (i % 3 == 0) (void)slot.update();
    EXPECT_GE(slot.latest().capacity(), 100);
  }
}

/// Whole values, each newer than the one before, the last one in the end. Run under the thread
/// sanitizer for the full value of this.
TEST(LatestSlot, TwoThreadsNeverTearAValue) {
  constexpr std::int64_t last = 200'000;
  LatestSlot<std::vector<std::int64_t>> slot;
  std::thread producer([&slot] {
    for (std::int64_t value = 1; value <= last; ++value) {
      slot.writable().assign(16, value);
      (void)slot.publish();
    }
  });
  std::int64_t before = 0, taken = 0;
  while (before < last) {
    if (!slot.update()) {
      std::this_thread::yield();
      continue;
    }
    const auto& values = slot.latest();
    ASSERT_EQ(values.size(), 16);
    ASSERT_GT(values[0], before);
    ASSERT_EQ(std::ranges::count(values, values[0]), 16);
    before = values[0];
    ++taken;
  }
  producer.join();
  EXPECT_FALSE(slot.update());
  EXPECT_GE(taken, 1);
}

TEST(LatestSlot, EveryValueIsEitherTakenOrReplaced) {
  constexpr int last = 200'000;
  LatestSlot<int> slot;
  int replaced = 0;
  std::thread producer([&] {
    for (int value = 1; value <= last; ++value) {
      slot.writable() = value;
      replaced += slot.publish() ? 0 : 1;
    }
  });
  int taken = 0;
  while (slot.latest() < last) taken += slot.update() ? 1 : 0;
  producer.join();
  EXPECT_EQ(taken + replaced, last);
}

}  // namespace
}  // namespace sluice::stream
