#include "temporal/budget.h"

#include <gtest/gtest.h>

#include "kernels/error.h"
#include "kernels/rounding.h"

namespace sluice::temporal {
namespace {

/// Worked out by hand: four frames of three positions, segments (0,1) and (2,3).
std::vector<SegmentSupply> test_vector() {
  return {{{0, 1}, 2, {1, 1}, {0, 0}}, {{2, 3}, 3, {0, 0}, {0, 0}}};
}

HolitomParameters with(double retain, Rounding rounding) {
  HolitomParameters parameters;
  parameters.retain = retain;
  parameters.rounding = rounding;
  return parameters;
}

TEST(Budget, PublishedCountsOfTheTestVector) {
  const auto quotas = share_recording(test_vector(), 3, with(0.5, Rounding::parity));
  EXPECT_EQ(quotas[0].static_tokens, 2);
  EXPECT_EQ(quotas[0].dynamic_tokens, (std::vector<std::int64_t>{1, 1}));
  EXPECT_EQ(quotas[1].static_tokens, 3);
  EXPECT_EQ(quotas[1].dynamic_tokens, (std::vector<std::int64_t>{0, 0}));
}

TEST(Budget, ExactCountsOfTheTestVector) {
  const auto quotas = share_recording(test_vector(), 3, with(0.5, Rounding::exact));
  EXPECT_EQ(quotas[0].total() + quotas[1].total(), 6);
}

TEST(Budget, PublishedRoundingEdges) {
  // ceil(196·0.1) = 20 per frame where nothing is static; rnd(0.5) = 0 where one position is.
  const std::vector<SegmentSupply> singleton{{{0, 0}, 0, {196}, {0}}};
  EXPECT_EQ(share_recording(singleton, 196, with(0.1, Rounding::parity))[0].dynamic_tokens[0], 20);
  const std::vector<SegmentSupply> one_static{{{0, 1}, 1, {3, 3}, {0, 0}}};
  // available 7 of 8; retain chosen so that r' = 0.5.
  EXPECT_EQ(share_recording(one_static, 4, with(0.4375, Rounding::parity))[0].static_tokens, 0);
}

TEST(Budget, BrokenTokensAreKeptOnlyWhenNothingElseIsLeft) {
  const std::vector<SegmentSupply> supplies{{{0, 0}, 0, {1}, {5}}, {{1, 1}, 0, {6}, {0}}};
  HolitomParameters parameters;
  parameters.budget = 7;
  auto quotas = share_recording(supplies, 6, parameters);
  EXPECT_EQ(quotas[0].total(), 1);
  EXPECT_EQ(quotas[1].total(), 6);
  parameters.budget = 9;
  quotas = share_recording(supplies, 6, parameters);
  EXPECT_EQ(quotas[0].total(), 3);
}

TEST(CausalBudget, EarnsInWholeTokensAndNeverSpendsAhead) {
  CausalBudget budget(0.25, 100);
  budget.earn(10);  // rnd(2.5) = 2
  EXPECT_EQ(budget.credit(), 2);
  budget.earn(4);  // rnd(3.5) = 4
  EXPECT_EQ(budget.credit(), 4);
  EXPECT_EQ(budget.spend(3), 3);
  EXPECT_EQ(budget.spend(3), 1);
  EXPECT_EQ(budget.unspent(), 0);
}

TEST(CausalBudget, SavesUpToTheCapAndReportsTheRest) {
  CausalBudget budget(0.5, 10);
  budget.earn(100);
  EXPECT_EQ(budget.credit(), 10);
  EXPECT_EQ(budget.unspent(), 50);
  EXPECT_EQ(budget.spend(1000), 10);
  EXPECT_EQ(budget.unspent(), 40);
}

TEST(Parameters, NameWhatIsOutOfRange) {
  HolitomParameters parameters;
  parameters.retain = 0;
  try {
    validate(parameters);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::input);
    EXPECT_NE(std::string(error.what()).find("retain"), std::string::npos);
  }
}

}  // namespace
}  // namespace sluice::temporal
