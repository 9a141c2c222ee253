// Promise 7, its parts: after reserve(), history and selectors don't go to the heap.
#include <gtest/gtest.h>

#include "policy/attention_history.h"
#include "policy/novelty.h"
#include "policy/selector.h"
#include "policy/shown_features.h"
#include "tests/support/allocation_counter.h"
#include "tests/support/random_clip.h"

namespace sluice::policy {
namespace {

constexpr std::int64_t most = 120;

TEST(PolicyAllocation, HistoryHasNoneAfterReserve) {
  if (!test::counts_allocations()) GTEST_SKIP() << "a sanitizer counts them in its own way";
  test::Random random(931);
  AttentionHistory history({.forget_after = 10});
  history.reserve(most);
  std::vector<std::int64_t> keys(most);
  std::vector<float> attention(most), scores(most);
  const std::int64_t before = test::allocations();
  for (std::int64_t tick = 0; tick < 300; ++tick) {
    const auto n = static_cast<std::size_t>(random.integer(0, most));
    for (std::size_t i = 0; i < n; ++i) {
      keys[i] = random.integer(0, 1'000'000);  // always new ones
      attention[i] = static_cast<float>(random.uniform());
    }
    const std::span now(keys.data(), n);
    (void)history.push(tick - random.integer(0, 4), now, std::span(attention).first(n));
    (void)history.scores(now, std::span(scores).first(n));
    if (tick % 100 == 99) history.clear();
  }
  EXPECT_EQ(test::allocations(), before);
}

TEST(PolicyAllocation, SelectorsHaveNoneAfterReserve) {
  if (!test::counts_allocations()) GTEST_SKIP() << "a sanitizer counts them in its own way";
  test::Random random(932);
  kernels::Resources resources(1);
  const std::int64_t width = 64;
  const auto features = test::clip_tensor(
      test::random_clip(random, {1, most, width}, {.twin = 0.3}), {1, most, width});
  std::vector<std::int64_t> key(most);
  std::vector<float> semantic(most), action(most), novelty(most), distinctness(most);
  std::vector<std::uint8_t> finite(most, 1);
  std::vector<std::int32_t> unsent(most), position(most);
  for (std::size_t i = 0; i < key.size(); ++i) {
    key[i] = static_cast<std::int64_t>(i);
    position[i] = static_cast<std::int32_t>(i);
  }
  const std::vector<std::int32_t> pinned{3, 30};
  for (const auto name : selector_names()) {
    const auto selector = make_selector(name);
    selector->reserve(most, width);
    Choice choice;
    choice.keep.reserve(most);
    choice.reason.reserve(most);
    const std::int64_t before = test::allocations();
    for (int round = 0; round < 100; ++round) {
      for (std::size_t i = 0; i < key.size(); ++i) {
        semantic[i] = static_cast<float>(random.uniform());
        action[i] = static_cast<float>(random.uniform());
        novelty[i] = static_cast<float>(random.uniform());
        distinctness[i] = static_cast<float>(random.uniform());
        unsent[i] = static_cast<std::int32_t>(random.integer(1, 9));
        finite[i] = random.chance(0.95) ? 1 : 0;
      }
      const Candidates candidates{.features = features.view()[0],
                                  .key = key,
                                  .semantic = semantic,
                                  .action = action,
                                  .finite = finite,
                                  .pinned = pinned,
                                  .unsent_for = unsent,
                                  .novelty = novelty,
                                  .distinctness = distinctness,
                                  .grid = {10, 12},
                                  .position = position};
      selector->select(resources, candidates, random.integer(2, most), 0.1, choice);
    }
    EXPECT_EQ(test::allocations(), before) << name;
  }
}

TEST(PolicyAllocation, ShownFeaturesHaveNoneAfterConstruction) {
  if (!test::counts_allocations()) GTEST_SKIP() << "a sanitizer counts them in its own way";
  test::Random random(933);
  const kernels::Resources resources(1);
  kernels::Resources of_compare(1);
  const auto clip = test::clip_tensor(test::random_clip(random, {1, most, 32}), {1, most, 32});
  const auto narrow = test::clip_tensor(test::random_clip(random, {1, most, 8}), {1, most, 8},
                                        kernels::DType::bf16);
  std::vector<std::int64_t> keys(most);
  std::vector<std::int32_t> sent;
  std::vector<std::uint8_t> finite(most, 1);
  std::vector<float> change(most), novelty(most), ordered, cells;
  for (auto* list : {&ordered, &cells}) list->reserve(most);
  sent.reserve(most);
  ShownFeatures shown(most, 32);
  const std::int64_t before = test::allocations();
  for (int tick = 0; tick < 200; ++tick) {
    sent.clear();
    for (std::int32_t i = 0; i < most; ++i) {
      keys[static_cast<std::size_t>(i)] = random.integer(0, 3 * most);
      if (random.chance(0.3)) sent.push_back(i);
    }
    const auto features = (random.chance(0.9) ? clip : narrow).view()[0];
    shown.compare(of_compare, features, keys, finite, change);
    find_novelty(change, 0.2, ordered, novelty);
    shown.record(resources, features, keys, finite, sent);
  }
  EXPECT_EQ(test::allocations(), before);
}

}  // namespace
}  // namespace sluice::policy
