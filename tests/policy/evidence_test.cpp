#include "policy/evidence.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

namespace sluice::policy {
namespace {

using stream::KeepReason;

std::vector<std::int32_t> first_rows(std::size_t count) {
  std::vector<std::int32_t> rows(count);
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

std::vector<double> evidence_of(const std::vector<float>& score, double weight = 1) {
  Evidence evidence;
  evidence.begin(std::ssize(score));
  add_level(score, first_rows(score.size()), weight, KeepReason::attention, evidence);
  return evidence.sum;
}

TEST(Evidence, IsWhatStandsAboveTheMedian) {
  // The median is 2; 1 and 3 stand above it.
  EXPECT_EQ(evidence_of({3, 2, 5, 1, 0}, 0.5), (std::vector{0.125, 0.0, 0.375, 0.0, 0.0}));
  // Of an even number, the upper one of the two in the middle.
  EXPECT_EQ(evidence_of({0, 1, 2, 6}), (std::vector{0.0, 0.0, 0.0, 1.0}));
}

TEST(Evidence, DoesNotDependOnScaleOrOffset) {
  const auto expected = evidence_of({3, 2, 5, 1, 0});
  EXPECT_EQ(evidence_of({384, 256, 640, 128, 0}), expected);
  EXPECT_EQ(evidence_of({-5, -6, -3, -7, -8}), expected);
}

TEST(Evidence, OfNothingIsNone) {
  EXPECT_EQ(evidence_of({4, 4, 4}), (std::vector<double>(3)));
  EXPECT_EQ(evidence_of({NAN, NAN}), (std::vector<double>(2)));
  EXPECT_TRUE(evidence_of({}).empty());
}

TEST(Evidence, CopesWithWhatIsNotFinite) {
  constexpr float infinite = std::numeric_limits<float>::infinity();
  const auto evidence = evidence_of({infinite, NAN, 1, 0, infinite, 0, -infinite, 0, 0});
  EXPECT_DOUBLE_EQ(evidence[0], 0.5);
  EXPECT_DOUBLE_EQ(evidence[4], 0.5);
  EXPECT_EQ(evidence[1], 0);
  for (const double value : evidence) EXPECT_TRUE(std::isfinite(value));
}

TEST(Evidence, LevelsAddUpAndTheGreatestGivesTheReason) {
  const std::vector<float> attention = {1, 0, 1, 0, 0}, novelty = {0, 0, 3, 1, 0};
  Evidence evidence;
  evidence.begin(5);
  add_level(attention, first_rows(5), 1.0, KeepReason::attention, evidence);
  add_level(novelty, first_rows(5), 1.0, KeepReason::novelty, evidence);
  EXPECT_EQ(evidence.sum, (std::vector{0.5, 0.0, 1.25, 0.25, 0.0}));
  EXPECT_EQ(evidence.reason[0], static_cast<std::uint8_t>(KeepReason::attention));
  EXPECT_EQ(evidence.reason[2], static_cast<std::uint8_t>(KeepReason::novelty));
  EXPECT_EQ(evidence.reason[3], static_cast<std::uint8_t>(KeepReason::novelty));
}

/// Other rows have neither part nor say.
TEST(Evidence, CountsTheGivenRowsAlone) {
  const std::vector<float> score = {100, 1, 0, 3, 0, 100};
  Evidence evidence;
  evidence.begin(4);
  add_level(score, std::vector<std::int32_t>{1, 2, 3, 4}, 1.0, KeepReason::attention, evidence);
  EXPECT_EQ(evidence.sum, (std::vector{0.0, 0.0, 1.0, 0.0}));
}

}  // namespace
}  // namespace sluice::policy
