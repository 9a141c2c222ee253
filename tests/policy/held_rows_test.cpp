#include "policy/held_rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "tests/support/allocation_counter.h"
#include "tests/support/random_ticks.h"

namespace sluice::policy {
namespace {

/// What was sent of one key: nothing is ever forgotten here.
struct Sent {
  std::int64_t tick = 0;
  float feature = 0;
  double pts = 0;
  float z = 0;
};

/// `n` rows of some keys, told apart by everything that they hold.
stream::TokenBatch random_rows(test::Random& random, std::int64_t n, std::int64_t keys,
                               std::int64_t width = 2) {
  stream::TokenBatch batch;
  batch.source.feature_width = static_cast<std::int32_t>(width);
  batch.features.reshape(kernels::DType::f32, {n, width});
  for (auto& value : batch.features.as<float>()) value = static_cast<float>(random.uniform());
  std::vector<std::int64_t> pool(static_cast<std::size_t>(keys));
  for (std::size_t i = 0; i < pool.size(); ++i) pool[i] = 3 * static_cast<std::int64_t>(i) - 20;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto pick = random.integer(0, std::ssize(pool) - 1);
    batch.key.push_back(pool[static_cast<std::size_t>(pick)]);
    pool.erase(pool.begin() + pick);
    batch.pts.push_back(random.uniform());
    for (int axis = 0; axis < 3; ++axis) batch.xyz.push_back(static_cast<float>(random.uniform()));
  }
  return batch;
}

/// `chosen` rows, and room for what is held.
stream::TokenBatch with_room(const stream::TokenBatch& chosen, std::int64_t shape) {
  stream::TokenBatch batch;
  batch.source = chosen.source;
  batch.features.reshape(chosen.features.dtype(), {shape, chosen.features.size(1)});
  std::memcpy(batch.features.data(), chosen.features.data(), chosen.features.byte_size());
  const auto n = static_cast<std::size_t>(shape);
  batch.key = chosen.key;
  batch.pts = chosen.pts;
  batch.xyz = chosen.xyz;
  batch.key.resize(n);
  batch.pts.resize(n);
  batch.xyz.resize(3 * n);
  return batch;
}

TEST(HeldRows, FindWhatAnEndlessMemoryWouldFind) {
  const std::int64_t seeds = test::cases(4000);
  for (std::int64_t seed = 0; seed < seeds; ++seed) {
    SCOPED_TRACE(seed);
    test::Random random(static_cast<std::uint64_t>(seed));
    const std::int64_t shape = random.integer(0, 8), keys = random.integer(shape, 20);
    HeldRows held(shape, 2);
    std::map<std::int64_t, Sent> endless;
    for (std::int64_t tick = 0; tick < 30; ++tick) {
      if (random.chance(0.03)) {
        held.clear();
        endless.clear();
      }
      const std::int64_t n = random.integer(0, shape);
      auto batch = with_room(random_rows(random, n, keys), shape);

      std::vector<std::pair<std::int64_t, Sent>> expected;
      for (const auto& entry : endless)
        if (std::find(batch.key.begin(), batch.key.begin() + n, entry.first) ==
            batch.key.begin() + n)
          expected.push_back(entry);
      std::ranges::stable_sort(
          expected, [](const auto& a, const auto& b) { return a.second.tick > b.second.tick; });
      expected.resize(std::min(expected.size(), static_cast<std::size_t>(shape - n)));

      ASSERT_EQ(held.fill(batch, n), std::ssize(expected));
      for (std::size_t i = 0; i < expected.size(); ++i) {
        const auto row = static_cast<std::size_t>(n) + i;
        ASSERT_EQ(batch.key[row], expected[i].first);
        ASSERT_EQ(batch.features.as<float>()[2 * row + 1], expected[i].second.feature);
        ASSERT_EQ(batch.pts[row], expected[i].second.pts);
        ASSERT_EQ(batch.xyz[3 * row + 2], expected[i].second.z);
      }
      held.record(batch, n);
      for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i)
        endless[batch.key[i]] = {tick, batch.features.as<float>()[2 * i + 1], batch.pts[i],
                                 batch.xyz[3 * i + 2]};
    }
  }
}

TEST(HeldRows, OfAKeyThatIsThereTwiceTheLastRowCounts) {
  test::Random random(5);
  HeldRows held(4, 2);
  auto batch = random_rows(random, 3, 10);
  batch.key = {7, 5, 7};
  held.record(batch, 3);
  held.record(batch, 3);
  auto next = with_room(random_rows(random, 0, 10), 4);
  ASSERT_EQ(held.fill(next, 0), 2);
  EXPECT_EQ(next.key[0], 5);
  EXPECT_EQ(next.key[1], 7);
  EXPECT_EQ(next.pts[1], batch.pts[2]);
}

TEST(HeldRows, AnotherLayoutForgetsWhatWasBefore) {
  test::Random random(6);
  const auto old = random_rows(random, 3, 10);
  const auto filled_after = [&](auto&& change) {
    HeldRows held(4, 8);
    held.record(old, 3);
    auto other = random_rows(random, 2, 10);
    change(other);
    held.record(other, 2);
    auto none = with_room(random_rows(random, 0, 10, other.features.size(1)), 4);
    none.source = other.source;
    if (other.pts.empty()) none.pts.clear();
    return held.fill(none, 0);
  };
  EXPECT_GE(filled_after([](auto&) {}), 3);
  EXPECT_EQ(filled_after([](auto& b) { b.source.grid_rows = b.source.grid_cols = 4; }), 2);
  EXPECT_EQ(filled_after([](auto& b) { b.pts.clear(); }), 2);
  EXPECT_EQ(filled_after([&](auto& b) { b = random_rows(random, 2, 10, 5); }), 2);

  HeldRows held(4, 8);
  held.record(old, 3);
  auto wider = with_room(random_rows(random, 0, 10, 5), 4);
  EXPECT_EQ(held.fill(wider, 0), 0) << "not of this layout";
  auto again = with_room(random_rows(random, 0, 10), 4);
  EXPECT_EQ(held.fill(again, 0), 3) << "nothing of another layout was sent";
}

TEST(HeldRows, AllocateNothing) {
  if (!test::counts_allocations()) GTEST_SKIP() << "a sanitizer counts them in its own way";
  test::Random random(7);
  HeldRows held(32, 8);
  auto batch = with_room(random_rows(random, 32, 100, 8), 32);
  const std::int64_t before = test::allocations();
  for (int tick = 0; tick < 200; ++tick) {
    const std::int64_t n = random.integer(0, 32);
    for (auto& key : batch.key) key += random.integer(0, 5);
    (void)held.fill(batch, n);
    held.record(batch, n);
    if (tick % 50 == 49) held.clear();
  }
  EXPECT_EQ(test::allocations(), before);
}

}  // namespace
}  // namespace sluice::policy
