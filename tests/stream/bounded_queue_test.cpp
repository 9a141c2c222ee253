#include "stream/bounded_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

namespace sluice::stream {
namespace {

TEST(BoundedQueue, KeepsOrderAndNeverGrows) {
  BoundedQueue<int> queue(3);
  EXPECT_EQ(queue.front(), nullptr);
  int next = 0, expected = 0;
  for (int round = 0; round < 10; ++round) {
    while (int* place = queue.vacant()) {
      *place = next++;
      queue.push();
    }
    EXPECT_EQ(next - expected, 3) << "full";
    for (int i = 0; i <= round % 3; ++i) {
      ASSERT_NE(queue.front(), nullptr);
      EXPECT_EQ(*queue.front(), expected++);
      queue.pop();
    }
  }
}

TEST(BoundedQueue, PlacesKeepTheirMemory) {
  BoundedQueue<std::vector<int>> queue(2);
  for (int i = 0; i < 2; ++i) {
    queue.vacant()->reserve(50);
    queue.push();
  }
  EXPECT_EQ(queue.vacant(), nullptr);
  for (int i = 0; i < 5; ++i) {
    EXPECT_GE(queue.front()->capacity(), 50);
    queue.pop();
    ASSERT_NE(queue.vacant(), nullptr);
    EXPECT_GE(queue.vacant()->capacity(), 50);
    queue.push();
  }
}

TEST(BoundedQueue, OneProducerAndOneConsumerLoseNothing) {
  constexpr std::int64_t last = 100'000;
  for (const std::size_t capacity : {1U, 2U, 7U}) {
    BoundedQueue<std::vector<std::int64_t>> queue(capacity);
    std::thread producer([&queue] {
      for (std::int64_t value = 1; value <= last;) {
        auto* place = queue.vacant();
        if (place == nullptr) {
          std::this_thread::yield();
          continue;
        }
        place->assign(8, value++);
        queue.push();
      }
    });
    std::int64_t expected = 1;
    bool whole = true;
    while (expected <= last) {
      const auto* values = queue.front();
      if (values == nullptr) {
        std::this_thread::yield();
        continue;
      }
      whole = whole && std::ranges::count(*values, expected) == 8;
      ++expected;
      queue.pop();
    }
    producer.join();
    EXPECT_TRUE(whole);
    EXPECT_EQ(queue.front(), nullptr);
  }
}

}  // namespace
}  // namespace sluice::stream
