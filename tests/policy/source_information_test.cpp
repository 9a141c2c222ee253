#include "policy/source_information.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice::policy {
namespace {

std::vector<double> weigh(const std::vector<SourceEvidence>& sources, double refresh = 0) {
  std::vector<double> information(sources.size());
  weigh_sources(sources, refresh, information);
  return information;
}

TEST(SourceInformation, FollowsAttentionOnBothLevels) {
  const auto information = weigh({{.rows = 10, .semantic_attention = 3, .action_attention = 1},
                                  {.rows = 90, .semantic_attention = 1, .action_attention = 4}});
  EXPECT_DOUBLE_EQ(information[0], 0.5 * 0.75 + 0.5 * 0.2);
  EXPECT_DOUBLE_EQ(information[1], 0.5 * 0.25 + 0.5 * 0.8);
}

TEST(SourceInformation, FollowsTheOnlyLevelThereIs) {
  EXPECT_DOUBLE_EQ(
      weigh({{.rows = 1, .action_attention = 3}, {.rows = 1, .action_attention = 1}})[0], 0.75);
  EXPECT_DOUBLE_EQ(
      weigh({{.rows = 1, .semantic_attention = 1}, {.rows = 1, .semantic_attention = 3}})[0], 0.25);
}

TEST(SourceInformation, WhatTheModelHasNotSeenGetsItsPartByRows) {
  const auto information = weigh({{.rows = 30, .semantic_attention = 3},
                                  {.rows = 50, .semantic_attention = 1},
                                  {.rows = 20, .distinctness = 1000}});
  EXPECT_DOUBLE_EQ(information[0], 0.8 * 0.75);
  EXPECT_DOUBLE_EQ(information[1], 0.8 * 0.25);
  EXPECT_DOUBLE_EQ(information[2], 0.2);
}

TEST(SourceInformation, BeforeAnyAnswerDistinctnessCountsThenRows) {
  EXPECT_FALSE(any_answered(std::vector<SourceEvidence>{{.rows = 5, .distinctness = 1}}));
  EXPECT_DOUBLE_EQ(weigh({{.rows = 10, .distinctness = 3}, {.rows = 90, .distinctness = 1}})[0],
                   0.75);
  EXPECT_DOUBLE_EQ(weigh({{.rows = 10}, {.rows = 90}})[0], 0.1);
}

TEST(SourceInformation, TheRefreshShareReachesASourceWithoutAttention) {
  const auto information =
      weigh({{.rows = 50, .semantic_attention = 1, .action_attention = 1},
             {.rows = 50, .semantic_attention = 1e-300, .action_attention = 0}},
            0.1);
  EXPECT_DOUBLE_EQ(information[0], 0.95);
  EXPECT_DOUBLE_EQ(information[1], 0.05);
}

TEST(SourceInformation, FactorsScaleAndNothingIsNothing) {
  EXPECT_DOUBLE_EQ(weigh({{.rows = 1, .factor = 3}, {.rows = 1}})[0], 1.5);
  EXPECT_EQ(weigh({{}, {}}, 0.1), (std::vector<double>{0, 0}));
}

}  // namespace
}  // namespace sluice::policy
