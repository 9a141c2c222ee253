#include "policy/novelty.h"

#include <gtest/gtest.h>

namespace sluice::policy {
namespace {

std::vector<float> novelty_of(const std::vector<float>& change, double threshold = 0.2) {
  std::vector<float> ordered, novelty(change.size(), 7.0F);
  find_novelty(change, threshold, ordered, novelty);
  return novelty;
}

TEST(Novelty, IsChangeBeyondTheMedian) {
  EXPECT_EQ(novelty_of({0.0F, 0.75F, 0.0F, 0.25F, 0.125F}),
            (std::vector{0.0F, 0.625F, 0.0F, 0.0F, 0.0F}));  // the median is 0.125
  EXPECT_EQ(novelty_of({0.0F, 0.75F, 0.0F, 0.25F, 0.0F}),
            (std::vector{0.0F, 0.75F, 0.0F, 0.25F, 0.0F}));
}

TEST(Novelty, NoiseAndAMovingCameraAreNone) {
  EXPECT_EQ(novelty_of({0.02F, 0.05F, 0.0F, 0.19F}), std::vector<float>(4));
  EXPECT_EQ(novelty_of({0.7F, 0.8F, 0.6F, 0.75F, 0.65F}), std::vector<float>(5));
}

TEST(Novelty, WhatIsNotKnownIsNone) {
  EXPECT_EQ(novelty_of({-1, -1, -1}), std::vector<float>(3));
  EXPECT_EQ(novelty_of({-1, 0.0F, -1, 0.5F, 0.0F}), (std::vector{0.0F, 0.0F, 0.0F, 0.5F, 0.0F}));
  EXPECT_TRUE(novelty_of({}).empty());
}

TEST(Novelty, ThresholdOfZeroTakesAnyChange) {
  EXPECT_EQ(novelty_of({0.0F, 0.25F, 0.0F}, 0), (std::vector{0.0F, 0.25F, 0.0F}));
}

std::vector<float> carried(const std::vector<float>& novelty, std::vector<float> score,
                           const stream::Grid& grid, const std::vector<std::int32_t>& position,
                           std::size_t capacity = 64) {
  std::vector<float> cells;
  cells.reserve(capacity);
  carry_attention(novelty, grid, position, cells, score);
  return score;
}

TEST(Novelty, TakesAttentionAlongFromTheNeighbours) {
  // 3 × 3; attention on the upper left; its neighbours to the right and below changed, and so did
  // the lower right, which is none.
  const std::vector<std::int32_t> all = {0, 1, 2, 3, 4, 5, 6, 7, 8};
  const std::vector<float> novelty = {0, 0.5F, 0, 0, 1, 0, 0, 0, 1};
  EXPECT_EQ(carried(novelty, {8, 0, 0, 0, 0, 0, 0, 0, 0}, {3, 3}, all),
            (std::vector<float>{8, 4, 0, 0, 8, 0, 0, 0, 0}));  // once, not on and on
  // It never takes any away, and the left edge is no neighbour of the right one.
  EXPECT_EQ(carried({0.5F, 0, 0, 0.5F}, {6, 4, 8, 1}, {2, 2}, {0, 1, 2, 3}),
            (std::vector<float>{6, 4, 8, 4}));
  EXPECT_EQ(carried({0, 0, 0, 1, 0, 0}, {0, 0, 8, 0, 0, 0}, {2, 3}, {0, 1, 2, 3, 4, 5}),
            (std::vector<float>{0, 0, 8, 0, 0, 0}));
}

TEST(Novelty, PositionsMayBeMissingOrShared) {
  EXPECT_EQ(carried({1, 1, 0}, {0, 0, 4}, {1, 4}, {0, 2, 3}), (std::vector<float>{0, 4, 4}));
  EXPECT_EQ(carried({0, 0, 1}, {3, 5, 0}, {1, 2}, {0, 0, 1}), (std::vector<float>{3, 5, 5}));
  EXPECT_EQ(carried({1, 1}, {4, 0}, {}, {}), (std::vector<float>{4, 0}));
}

TEST(Novelty, GridsWithoutRoomAreLeftAlone) {
  std::vector<float> cells, score = {4, 0};
  carry_attention(std::vector<float>{0, 1}, {1, 2}, std::vector<std::int32_t>{0, 1}, cells, score);
  EXPECT_EQ(score, (std::vector<float>{4, 0}));
}

}  // namespace
}  // namespace sluice::policy
