#include "stream/io/presentation_clock.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace sluice::stream {
namespace {

using Stamps = std::vector<std::optional<double>>;

std::vector<double> times(PresentationClock& clock, const Stamps& stamps, double duration = 0.1) {
  std::vector<double> result;
  for (const auto& stamp : stamps) result.push_back(clock.next(stamp, duration));
  return result;
}

void expect_near(const std::vector<double>& actual, const std::vector<double>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) EXPECT_NEAR(actual[i], expected[i], 1e-9) << i;
}

TEST(PresentationClock, LeavesGoodStampsAlone) {
  PresentationClock clock;
  expect_near(times(clock, {0.0, 0.1, 0.15, 3600.0}), {0, 0.1, 0.15, 3600});
  EXPECT_EQ(clock.derived() + clock.clamped() + clock.breaks(), 0);
}

TEST(PresentationClock, DerivesMissingStamps) {
  PresentationClock clock;
  expect_near(times(clock, {std::nullopt, std::nullopt, 0.5, std::nullopt}), {0, 0.1, 0.5, 0.6});
  EXPECT_EQ(clock.derived(), 3);
}

TEST(PresentationClock, RaisesSmallStepsBack) {
  PresentationClock clock;
  expect_near(times(clock, {1.0, 0.9, 0.8, 1.1}), {1, 1, 1, 1.1});
  EXPECT_EQ(clock.clamped(), 2);
}

TEST(PresentationClock, ClosesABreakAndGoesOn) {
  PresentationClock clock;
  expect_near(times(clock, {5.0, 5.1, 0.0, 0.1, 0.3}), {5, 5.1, 5.2, 5.3, 5.5});
  EXPECT_EQ(clock.breaks(), 1);
}

TEST(PresentationClock, AStepAheadIsABreakOnlyWhereStampsMayJump) {
  PresentationClock file(false), broadcast(true);
  expect_near(times(file, {0.0, 95000.0}), {0, 95000});
  expect_near(times(broadcast, {0.0, 95000.0, 95000.1}), {0, 0.1, 0.2});
  broadcast.allow_step_ahead();
  expect_near(times(broadcast, {95100.0}), {100.1});
}

TEST(PresentationClock, NeverStartsBelowZero) {
  PresentationClock clock;
  expect_near(times(clock, {-0.2, 0.0, 0.1}), {0, 0, 0.1});
}

}  // namespace
}  // namespace sluice::stream
