#include "policy/latency_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/error.h"
#include "tests/policy/simulated_latency.h"
#include "tests/support/allocation_counter.h"

namespace sluice::policy {
namespace {

using test::SimulatedLatency;

/// The same, by sorting everything that was ever observed.
class NaiveModel {
 public:
  explicit NaiveModel(const LatencyModelOptions& options) : options_(options) {}

  void observe(double tokens, double latency_ms) {
    observations_.emplace_back(tokens, latency_ms);
    if (static_cast<std::int64_t>(observations_.size()) > options_.window)
      observations_.erase(observations_.begin());
    if (static_cast<std::int64_t>(observations_.size()) >= options_.least) fit();
  }
  double slope_ms = 0, base_ms = 0;

 private:
  void fit() {
    const auto n = observations_.size();
    std::vector<double> slopes;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = i + 1; j < n; ++j) {
        const auto [a, x] = observations_[i];
        const auto [b, y] = observations_[j];
        if (a != b && std::abs(a - b) >= options_.least_spread * std::max(a, b))
          slopes.push_back((x - y) / (a - b));
      }
    }
    std::sort(slopes.begin(), slopes.end());
    slope_ms = std::max(slopes[slopes.size() / 2], 0.0);

    std::vector<double> residuals;
    for (const auto& [tokens, latency] : observations_)
      residuals.push_back(latency - slope_ms * tokens);
    auto sorted = residuals;
    std::sort(sorted.begin(), sorted.end());
    const double lower = sorted[(n - 1) / 4], upper = sorted[3 * n / 4];
    const auto is_outlier = [&](std::size_t i) {  // i counts from 2 before the first
      return i >= 2 && i < n + 2 && residuals[i - 2] > upper + 3 * (upper - lower);
    };
    std::vector<bool> stray;
    for (std::size_t i = 2; i < n + 2; ++i)
      stray.push_back(is_outlier(i) && !(is_outlier(i - 2) && is_outlier(i - 1)) &&
                      !(is_outlier(i - 1) && is_outlier(i + 1)) &&
                      !(is_outlier(i + 1) && is_outlier(i + 2)));
    if (n >= 3) marks_.push_back(stray[n - 3]);

    std::int64_t strays = 0, marks = 0;
    for (std::size_t i = marks_.size(); i-- > 0 && marks < options_.outlier_memory; ++marks)
      strays += marks_[i] ? 1 : 0;
    const double share = marks == 0 ? 0 : static_cast<double>(strays) / static_cast<double>(marks);
    double quantile = options_.quantile;
    if (share <= 1 - quantile) {
      quantile /= 1 - share;
      sorted.clear();
      for (std::size_t i = 0; i < n; ++i)
        if (!stray[i]) sorted.push_back(residuals[i]);
      std::sort(sorted.begin(), sorted.end());
    }
    std::size_t rank = 1;  // the first that covers the next one often enough
    while (rank < sorted.size() &&
           static_cast<double>(rank) < quantile * static_cast<double>(sorted.size() + 1))
      ++rank;
    base_ms = sorted[rank - 1];
  }

  LatencyModelOptions options_;
  std::vector<std::pair<double, double>> observations_;
  std::vector<bool> marks_;
};

TEST(LatencyModel, AgreesWithANaiveOne) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    test::Random random(seed);
    const SimulatedLatency simulated{.outliers = random.between(0, 0.1)};
    LatencyModelOptions options;
    options.window = random.integer(10, 64);
    options.outlier_memory = options.window + random.integer(0, 40);
    options.quantile = random.between(0.5, 0.98);
    LatencyModel model(options);
    NaiveModel naive(options);
    for (int i = 1; i <= 150; ++i) {
      const auto tokens = random.integer(0, 300);
      const double latency = simulated.of(random, tokens);
      model.observe(tokens, latency);
      naive.observe(static_cast<double>(tokens), latency);
      const auto line = model.line();
      ASSERT_EQ(line.has_value(), i >= options.least);
      if (!line) continue;
      ASSERT_TRUE(line->learned);
      ASSERT_NEAR(line->slope_ms, naive.slope_ms, 1e-9);
      ASSERT_NEAR(line->base_ms, naive.base_ms, 1e-7);
    }
  }
}

TEST(LatencyModel, ThirtyPercentOfWildOutliersLeaveTheSlopeAlone) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    test::Random random(seed);
    const SimulatedLatency simulated{.outliers = 0.3, .outlier_ms = 2000};
    LatencyModel model;
    for (int i = 0; i < 64; ++i) {
      const auto tokens = random.integer(16, 512);
      model.observe(tokens, simulated.of(random, tokens));
    }
    ASSERT_TRUE(model.line()->learned);
    EXPECT_NEAR(model.line()->slope_ms, 0.1, 0.03) << "seed " << seed;
  }
}

/// Share of ticks that take no longer than was predicted before them, over many runs.
double coverage(SimulatedLatency simulated, double quantile, double drift_ms_per_tick = 0) {
  std::int64_t covered = 0, ticks = 0;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    test::Random random(seed);
    LatencyModel model({.quantile = quantile});
    auto now = simulated;
    for (int tick = 0; tick < 500; ++tick, now.base_ms += drift_ms_per_tick) {
      const auto tokens = random.integer(64, 256);
      const double latency = now.of(random, tokens);
      if (tick >= 100) {
        const auto line = model.line();
        covered += latency <= line->base_ms + line->slope_ms * static_cast<double>(tokens) ? 1 : 0;
        ++ticks;
      }
      model.observe(tokens, latency);
    }
  }
  return static_cast<double>(covered) / static_cast<double>(ticks);
}

TEST(LatencyModel, CoversTheStatedShareOfTicks) {
  for (const double quantile : {0.5, 0.9, 0.95}) {
    EXPECT_NEAR(coverage({}, quantile), quantile, 0.02) << "noise alone";
    EXPECT_NEAR(coverage({.outliers = 0.03}, quantile), quantile, 0.02) << "rare outliers";
    EXPECT_NEAR(coverage({.outliers = 0.3}, quantile), quantile, 0.03) << "frequent outliers";
  }
}

TEST(LatencyModel, FollowsADrift) {
  // The noise's own size in 150 ticks; the window lags 32 ticks behind.
  EXPECT_GT(coverage({}, 0.95, 0.01), 0.91);
  EXPECT_GT(coverage({}, 0.95, -0.01), 0.95);
}

TEST(LatencyModel, NothingBeforeEnoughWasObserved) {
  LatencyModel model;
  for (int i = 0; i < 7; ++i) model.observe(100 + 10 * i, 30);
  EXPECT_FALSE(model.line().has_value());
  EXPECT_FALSE(model.tokens_within(40, 16, 256).has_value());
  model.observe(180, 30);
  EXPECT_TRUE(model.line().has_value());
  EXPECT_TRUE(model.tokens_within(40, 16, 256).has_value());
  model.clear();
  EXPECT_FALSE(model.tokens_within(40, 16, 256).has_value());
}

TEST(LatencyModel, CountsThatAreAllAlikeTeachNoSlope) {
  LatencyModel model;
  for (int i = 0; i < 64; ++i) model.observe(100, 30);
  ASSERT_FALSE(model.line()->learned);
  // Above, in proportion: 0.3 ms a token.
  EXPECT_EQ(model.tokens_within(33.1, 16, 256), 110);
  EXPECT_EQ(model.tokens_within(30.1, 16, 256), 100);
  EXPECT_EQ(model.tokens_within(100, 16, 256), 125) << "what is beyond reach isn't predicted";
  // Below, nothing says that fewer tokens are faster, nor by how much.
  EXPECT_EQ(model.tokens_within(29.9, 16, 256), 16);
}

TEST(LatencyModel, ASlopeThatWasLearnedHoldsWhileCountsAreAlike) {
  LatencyModel model;
  for (int i = 0; i < 16; ++i) model.observe(100 + 10 * i, 20 + 0.1 * (100 + 10 * i));
  for (int i = 0; i < 100; ++i) model.observe(200 + i % 3, 40);  // what differs is noise
  for (int i = 0; i < 100; ++i) model.observe(200, 45);          // and then it is slower
  ASSERT_TRUE(model.line()->learned);
  EXPECT_NEAR(model.line()->slope_ms, 0.1, 0.005);
  EXPECT_NEAR(static_cast<double>(*model.tokens_within(40.01, 16, 256)), 150, 3);
}

TEST(LatencyModel, OneObservationApartTeachesNoSlope) {
  LatencyModel model;
  for (int i = 0; i < 20; ++i) model.observe(100, 30);
  model.observe(120, 230);  // an outlier: 10 ms a token, if it were believed
  EXPECT_FALSE(model.line()->learned);
  for (int i = 0; i < 2; ++i) model.observe(120, 32);
  EXPECT_TRUE(model.line()->learned);
  EXPECT_NEAR(model.line()->slope_ms, 0.1, 1e-9);
}

TEST(LatencyModel, TheSlopeIsNeverNegative) {
  LatencyModel model;
  for (int i = 0; i < 20; ++i) model.observe(100 + 10 * i, 50 - i);
  EXPECT_EQ(model.line()->slope_ms, 0);
  EXPECT_EQ(model.tokens_within(49, 16, 1000), 16);
  EXPECT_EQ(model.tokens_within(51, 16, 1000), 363) << "as far as it reaches: ⌈1.25 · 290⌉";
}

TEST(LatencyModel, TokensStayWithinTheirBounds) {
  LatencyModel model;
  for (int i = 0; i < 20; ++i) model.observe(10 * i, 20 + i);
  EXPECT_EQ(model.tokens_within(30.0001, 16, 256), 100);
  EXPECT_EQ(model.tokens_within(30.0001, 16, 64), 64);
  EXPECT_EQ(model.tokens_within(30.0001, 120, 256), 120);
  for (const double none : {0.0, -1.0, -HUGE_VAL, std::numeric_limits<double>::quiet_NaN()})
    EXPECT_EQ(model.tokens_within(none, 16, 256), 16);
  EXPECT_EQ(model.tokens_within(HUGE_VAL, 16, 200), 200);
}

TEST(LatencyModel, IgnoresAndCountsWhatIsNoLatency) {
  LatencyModel model;
  for (int i = 0; i < 20; ++i) model.observe(10 * i, 20 + i);
  const auto before = *model.line();
  for (const double wrong : {-1.0, HUGE_VAL, -HUGE_VAL, 1e300, std::nan("")})
    model.observe(100, wrong);
  model.observe(-1, 30);
  EXPECT_EQ(model.ignored(), 6);
  EXPECT_EQ(model.line()->base_ms, before.base_ms);
  EXPECT_EQ(model.line()->slope_ms, before.slope_ms);
}

TEST(LatencyModel, AllocatesOnlyAtConstruction) {
  if (!test::counts_allocations()) GTEST_SKIP() << "a sanitizer counts them in its own way";
  test::Random random(9);
  LatencyModel model({.outlier_memory = 100});
  const auto before = test::allocations();
  std::int64_t sum = 0;
  for (int i = 0; i < 500; ++i) {
    const auto tokens = random.integer(0, 300);
    model.observe(tokens, SimulatedLatency{.outliers = 0.1}.of(random, tokens));
    sum += model.tokens_within(40, 16, 256).value_or(0);
    if (i == 250) model.clear();
  }
  EXPECT_EQ(test::allocations(), before);
  EXPECT_GT(sum, 0);
}

TEST(LatencyModel, RefusesOptionsOutOfRange) {
  const auto make = [](const LatencyModelOptions& options) { LatencyModel model(options); };
  EXPECT_NO_THROW(make({.window = 2, .least = 1}));
  EXPECT_THROW(make({.window = 1, .least = 1}), Error);
  EXPECT_THROW(make({.window = 257}), Error);
  EXPECT_THROW(make({.least = 0}), Error);
  EXPECT_THROW(make({.least = 65}), Error);
  EXPECT_THROW(make({.quantile = 1}), Error);
  EXPECT_THROW(make({.quantile = std::nan("")}), Error);
  EXPECT_THROW(make({.least_spread = 0}), Error);
  EXPECT_THROW(make({.outlier_memory = 63}), Error);
  EXPECT_THROW(make({.reach = 0}), Error);
  EXPECT_THROW(make({.reach = std::nan("")}), Error);
}

}  // namespace
}  // namespace sluice::policy
