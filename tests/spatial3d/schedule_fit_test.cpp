#include "spatial3d/schedule_fit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/error.h"
#include "tests/support/random_clip.h"

namespace sluice::spatial3d {
namespace {

/// f as §3.2 writes it, not as the engine does.
double oracle_curve(double rate, double x, double layers) {
  if (std::abs(rate) < 1e-9) return 100 - 90 * (x - 1) / (layers - 1);
  const double e = std::exp(-rate * (layers - 1));
  const double a = 90 / (1 - e);  // 100 − D
  return 100 - a + a * std::exp(-rate * (x - 1));
}

/// Squares over values and over gradients as numpy.gradient defines them.
double oracle_error(const std::vector<double>& contribution, double rate) {
  const std::size_t n = contribution.size();
  std::vector<double> difference(n);
  for (std::size_t i = 0; i < n; ++i)
    difference[i] = oracle_curve(rate, static_cast<double>(i + 1), static_cast<double>(n + 1)) -
                    100 * contribution[i];
  double sum = 0;
  for (const double d : difference) sum += d * d;
  for (std::size_t i = 0; i < n; ++i) {
    // The gradient is linear, so that of the difference will do.
    const double gradient = i == 0       ? difference[1] - difference[0]
                            : i == n - 1 ? difference[n - 1] - difference[n - 2]
                                         : (difference[i + 1] - difference[i - 1]) / 2;
    sum += gradient * gradient;
  }
  return sum;
}

std::vector<double> curve(double rate, std::size_t layers) {
  std::vector<double> values;
  for (std::size_t x = 1; x < layers; ++x)
    values.push_back(oracle_curve(rate, static_cast<double>(x), static_cast<double>(layers)) / 100);
  return values;
}

TEST(ScheduleFit, FindsTheRateThatMadeTheCurve) {
  for (const std::size_t layers : {3u, 8u, 32u, 80u})
    for (const double rate : {-1.0, -.2, -.01, 0.0, .003, .1, .5, 2.0}) {
      const auto fit = fit_schedule(curve(rate, layers));
      ASSERT_TRUE(fit.has_value());
      EXPECT_NEAR(fit->rate, rate, 1e-5) << layers << " layers";
      EXPECT_NEAR(fit->error, 0, 1e-6);
      EXPECT_NEAR(fit->explained, 1, 1e-6);
      EXPECT_FALSE(fit->at_limit);
    }
}

TEST(ScheduleFit, NoOtherRateIsBetter) {
  const std::uint64_t seed = 77;
  SCOPED_TRACE(seed);
  test::Random random(seed);
  for (std::int64_t round = 0; round < test::cases(1000); ++round) {
    std::vector<double> contribution(static_cast<std::size_t>(random.integer(2, 40)));
    const double slope = random.between(-1, 1);
    for (std::size_t i = 0; i < contribution.size(); ++i)
      contribution[i] = random.uniform() +
                        slope * static_cast<double>(i) / static_cast<double>(contribution.size());
    const auto fit = fit_schedule(contribution);
    ASSERT_TRUE(fit.has_value());
    ASSERT_NEAR(fit->error, oracle_error(contribution, fit->rate), 1e-4 * (1 + fit->error));
    double best = 1e300;
    for (double rate = -max_decay_rate; rate <= max_decay_rate; rate += 1e-3)
      best = std::min(best, oracle_error(contribution, rate));
    ASSERT_LE(fit->error, best * (1 + 1e-9)) << "round " << round;
  }
}

TEST(ScheduleFit, NothingToFitIsNoFit) {
  EXPECT_FALSE(fit_schedule(std::vector<double>(31, 0.0)).has_value());
  EXPECT_FALSE(fit_schedule(std::vector<double>{0.5}).has_value());
}

TEST(ScheduleFit, SaysThatARisingContributionIsNoDecay) {
  std::vector<double> rising;
  for (int i = 0; i < 31; ++i) rising.push_back(i / 30.0);
  const auto fit = fit_schedule(rising);
  ASSERT_TRUE(fit.has_value());
  EXPECT_LT(fit->explained, 0);
}

TEST(ScheduleFit, AStepEndsAtTheLimit) {
  std::vector<double> step(31, 0.1);
  step[0] = 1;
  const auto fit = fit_schedule(step);
  ASSERT_TRUE(fit.has_value());
  EXPECT_TRUE(fit->at_limit);
  EXPECT_EQ(fit->rate, max_decay_rate);
}

TEST(ScheduleFit, RefusesWhatIsNotANumber) {
  EXPECT_THROW((void)fit_schedule({}), Error);
  EXPECT_THROW((void)fit_schedule(std::vector<double>{1, NAN}), Error);
  EXPECT_THROW((void)fit_schedule(std::vector<double>{1, INFINITY}), Error);
}

}  // namespace
}  // namespace sluice::spatial3d
