#include "kernels/top_k.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/support/random_clip.h"

namespace sluice::kernels {
namespace {

std::vector<std::int32_t> top(std::vector<float> scores, std::int64_t k) {
  std::vector<std::int32_t> indices;
  top_k(std::span<const float>(scores), k, indices);
  return indices;
}

TEST(TopK, TiesGoToTheLowestIndex) {
  EXPECT_EQ(top({1, 1, 1, 1}, 2), (std::vector<std::int32_t>{0, 1}));
  EXPECT_EQ(top({0, 2, 1, 2, 1}, 3), (std::vector<std::int32_t>{1, 2, 3}));
}

TEST(TopK, NanRanksBelowEverything) {
  EXPECT_EQ(top({NAN, -INFINITY, NAN, 3}, 2), (std::vector<std::int32_t>{1, 3}));
  EXPECT_EQ(top({NAN, 1, NAN}, 2), (std::vector<std::int32_t>{0, 1}));
}

TEST(TopK, ClampsK) {
  EXPECT_EQ(top({1, 2}, 9).size(), 2u);
  EXPECT_EQ(top({1, 2}, -3).size(), 0u);
  EXPECT_EQ(top({}, 1).size(), 0u);
}

TEST(TopK, AgreesWithAStableSort) {
  test::Random random(5);
  for (int round = 0; round < 2000; ++round) {
    std::vector<float> scores(static_cast<std::size_t>(random.integer(1, 60)));
    for (auto& score : scores) score = static_cast<float>(random.integer(0, 5));
    const std::int64_t k = random.integer(0, static_cast<std::int64_t>(scores.size()));
    std::vector<std::int32_t> order(scores.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int32_t>(i);
    std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
      return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)];
    });
    order.resize(static_cast<std::size_t>(k));
    std::sort(order.begin(), order.end());
    ASSERT_EQ(top(scores, k), order);
  }
}

}  // namespace
}  // namespace sluice::kernels
