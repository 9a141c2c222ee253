#include "policy/budget_controller.h"

#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <vector>

#include "kernels/error.h"
#include "tests/policy/simulated_latency.h"
#include "tests/support/allocation_counter.h"

namespace sluice::policy {
namespace {

using test::SimulatedLatency;

TEST(FixedBudget, IsTheSameAtEveryTick) {
  const auto controller = make_budget_controller({.controller = "fixed", .tokens = 64});
  EXPECT_EQ(controller->name(), "fixed");
  controller->observe_latency(64, 500);
  controller->observe_action(std::vector<float>{1, 2}, 3);
  EXPECT_EQ(controller->budget({.deadline_ms = 1, .available = 768}), 64);
  EXPECT_EQ(controller->budget({.deadline_ms = 1, .available = 50}), 50);
  EXPECT_EQ(controller->budget({.deadline_ms = 1, .available = 0}), 0);
}

constexpr double deadline_ms = 40;

/// What becomes of a run of ticks against a simulated model.
struct Outcome {
  double misses = 0;       ///< share of ticks beyond the deadline
  double mean_budget = 0;  ///< exploring ticks included
};

/// Feedback comes `lag` ticks after the packet.
class Loop {
 public:
  Loop(std::uint64_t seed, std::size_t lag, const BudgetOptions& options)
      : random_(seed), lag_(lag), controller_(make_budget_controller(options)) {}

  Outcome run(const SimulatedLatency& model, int ticks) {
    Outcome result;
    for (int tick = 0; tick < ticks; ++tick) {
      const auto budget = controller_->budget({.deadline_ms = deadline_ms, .available = 600});
      const double latency = model.of(random_, budget);
      result.misses += latency > deadline_ms ? 1.0 / ticks : 0;
      result.mean_budget += static_cast<double>(budget) / ticks;
      under_way_.emplace_back(budget, latency);
      if (under_way_.size() < lag_) continue;
      controller_->observe_latency(under_way_.front().first, under_way_.front().second);
      under_way_.pop_front();
    }
    return result;
  }

 private:
  test::Random random_;
  std::size_t lag_;
  std::unique_ptr<BudgetController> controller_;
  std::deque<std::pair<std::int64_t, double>> under_way_;
};

/// Tokens with which the stated share of ticks, outliers among them, would just meet the deadline,
/// if the model were known.
double best_budget(const SimulatedLatency& model) {
  // Quantiles of the normal distribution.
  const double covered = 0.95 / (1 - model.outliers);
  const double deviations = covered > 0.965 ? 1.881 : 1.645;
  return (deadline_ms - model.base_ms - deviations * model.noise_ms) / model.slope_ms;
}

BudgetOptions deadline_options() {
  return {.controller = "deadline", .tokens = 512};
}

/// Mean over seeds.
template <typename Scenario>
Outcome mean_run(const Scenario& scenario) {
  constexpr int seeds = 6;
  Outcome mean;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    for (const std::size_t lag : {1u, 4u}) {
      const Outcome run = scenario(Loop(seed, lag, deadline_options()));
      mean.misses += run.misses / (2 * seeds);
      mean.mean_budget += run.mean_budget / (2 * seeds);
    }
  }
  return mean;
}

TEST(DeadlineBudget, FindsTheLargestBudgetThatMeetsTheDeadline) {
  for (const double outliers : {0.0, 0.02}) {
    SCOPED_TRACE(testing::Message() << "outliers " << outliers);
    const SimulatedLatency model{.outliers = outliers};
    double early_misses = 0;
    const Outcome learned = mean_run([&](Loop loop) {
      early_misses += loop.run(model, 64).misses / 12;
      return loop.run(model, 500);
    });
    EXPECT_LE(early_misses, 0.05);
    EXPECT_LE(learned.misses, 0.05);
    EXPECT_NEAR(learned.mean_budget, best_budget(model), 0.06 * best_budget(model));
  }
}

TEST(DeadlineBudget, FollowsAModelThatChanges) {
  const SimulatedLatency before{.outliers = 0.02};
  SimulatedLatency slower = before, steeper = before, faster = before;
  slower.base_ms = 27;
  steeper.slope_ms = 0.2;
  faster.base_ms = 12;
  for (const auto& after : {slower, steeper, faster}) {
    SCOPED_TRACE(testing::Message() << after.base_ms << " + " << after.slope_ms << " n");
    double window_misses = 0;
    const Outcome followed = mean_run([&](Loop loop) {
      loop.run(before, 300);
      window_misses += loop.run(after, 64).misses / 12;
      return loop.run(after, 300);
    });
    EXPECT_LE(window_misses, 0.15) << "in the window after the change";
    EXPECT_LE(followed.misses, 0.05) << "after it";
    EXPECT_GT(followed.mean_budget, 0.92 * best_budget(after));
    EXPECT_LT(followed.mean_budget, best_budget(after));
  }
}

TEST(DeadlineBudget, SendsTheLeastWhereNothingMeetsTheDeadline) {
  Loop loop(7, 1, deadline_options());
  loop.run({}, 300);
  const SimulatedLatency hopeless{.base_ms = 60};
  loop.run(hopeless, 64);
  EXPECT_NEAR(loop.run(hopeless, 100).mean_budget, 16, 1e-9);
  loop.run({}, 128);
  EXPECT_GT(loop.run({}, 100).mean_budget, 0.9 * best_budget({})) << "once it is fast again";
}

TEST(DeadlineBudget, AnInsensitiveModelGetsTheMost) {
  Loop loop(8, 1, deadline_options());
  const SimulatedLatency flat{.slope_ms = 0};
  loop.run(flat, 200);
  EXPECT_GT(loop.run(flat, 100).mean_budget, 0.95 * 512);
}

TEST(DeadlineBudget, BeginsWithWhatItIsTold) {
  const BudgetContext context{.deadline_ms = deadline_ms, .available = 600};
  auto options = deadline_options();
  EXPECT_EQ(make_budget_controller(options)->budget(context), 16) << "the least";
  options.first = 100;
  const auto controller = make_budget_controller(options);
  for (int i = 0; i < 8; ++i) {
    EXPECT_EQ(controller->budget(context), 100);
    EXPECT_EQ(controller->budget({.deadline_ms = deadline_ms, .available = 50}), 50);
    controller->observe_latency(100, 20);
  }
  EXPECT_EQ(controller->budget(context), 125) << "learned: there is room, as far as it reaches";
  EXPECT_EQ(controller->budget({.deadline_ms = deadline_ms, .available = 7}), 7);
  EXPECT_EQ(controller->budget({.available = 600}), 512) << "no deadline";
  controller->reset();
  EXPECT_EQ(controller->budget(context), 125) << "a new episode has the same model";
}

TEST(DeadlineBudget, ExploresBelowOnly) {
  auto options = deadline_options();
  options.first = 100;
  options.explore_every = 4;
  const auto controller = make_budget_controller(options);
  for (int i = 0; i < 8; ++i) controller->observe_latency(100, deadline_ms);
  for (int i = 1; i <= 20; ++i)
    EXPECT_EQ(controller->budget({.deadline_ms = deadline_ms, .available = 600}),
              i % 4 == 0 ? 80 : 100);
}

TEST(MotionBudget, FastMotionNeedsTheLeastAndStandstillTheMost) {
  const BudgetOptions options{
      .controller = "motion", .tokens = 256, .least = 56, .fast = 2.0, .smoothing = 1.0};
  const BudgetContext context{.available = 768};
  const auto controller = make_budget_controller(options);
  EXPECT_EQ(controller->budget(context), 256) << "no motion was seen yet";
  controller->observe_action(std::vector<float>{0, 0}, 1.0);
  EXPECT_EQ(controller->budget(context), 256);
  controller->observe_action(std::vector<float>{0.3F, 0.4F}, 1.5);  // 1 per second
  EXPECT_EQ(controller->budget(context), 156);
  EXPECT_EQ(controller->budget({.available = 100}), 100);
  controller->observe_action(std::vector<float>{3, 4}, 1.6);
  EXPECT_EQ(controller->budget(context), 56);
  controller->observe_action(std::vector<float>{3, 4}, 1.7);
  EXPECT_EQ(controller->budget(context), 256);
  controller->observe_action(std::vector<float>{9, 9}, 1.8);
  controller->reset();
  EXPECT_EQ(controller->budget(context), 256);
  controller->observe_action(std::vector<float>{0, 0}, 0.1);
  EXPECT_EQ(controller->budget(context), 256) << "nothing to compare in a new episode";
}

TEST(MotionBudget, IsSmooth) {
  const BudgetOptions options{.controller = "motion", .tokens = 256, .least = 16};
  const BudgetContext context{.available = 768};
  const auto controller = make_budget_controller(options);
  test::Random random(3);
  double clock = 0, place = 0;
  std::int64_t last = controller->budget(context);
  for (int tick = 0; tick < 300; ++tick, clock += 0.05) {
    const double speed = tick < 100 ? 0 : tick < 200 ? 3 : 0;  // twice a sudden change
    place += 0.05 * speed;
    controller->observe_action(std::vector<float>{static_cast<float>(place), 0}, clock);
    const auto budget = controller->budget(context);
    EXPECT_LE(std::abs(budget - last), 73) << "smoothing · (tokens − least), tick " << tick;
    if (tick == 99 || tick == 299) {
      EXPECT_EQ(budget, 256) << "at rest, tick " << tick;
    } else if (tick == 199) {
      EXPECT_EQ(budget, 16);
    }
    last = budget;
  }
}

TEST(MotionBudget, IgnoresWhatSaysNothingOfSpeed) {
  const BudgetOptions options{.controller = "motion", .tokens = 256, .smoothing = 1.0};
  const BudgetContext context{.available = 768};
  const auto controller = make_budget_controller(options);
  controller->observe_action(std::vector<float>{0, 0}, 1.0);
  controller->observe_action(std::vector<float>{9, 9}, 1.0);  // at the same time
  controller->observe_action(std::vector<float>{0, 0}, 1.05);
  EXPECT_EQ(controller->budget(context), 256);
  controller->observe_action(std::vector<float>{NAN, 9}, 1.1);
  controller->observe_action(std::vector<float>{9, INFINITY}, 1.1);
  controller->observe_action({}, 1.1);
  controller->observe_action(std::vector<float>{9, 9}, std::nan(""));
  EXPECT_EQ(controller->budget(context), 256);
  controller->observe_action(std::vector<float>{9, 9, 9}, 1.1);  // another length
  EXPECT_EQ(controller->budget(context), 256);
  controller->observe_action(std::vector<float>{0, 0, 0}, 0.5);  // a clock set back
  EXPECT_EQ(controller->budget(context), 256);
  controller->observe_action(std::vector<float>{3e38F, -3e38F, 3e38F}, 0.6);
  EXPECT_EQ(controller->budget(context), 16);
  controller->observe_action(std::vector<float>{3e38F, -3e38F, 3e38F}, 0.7);
  EXPECT_EQ(controller->budget(context), 256);
}

TEST(BudgetController, IsWithinWhatIsAvailableAndAllocatesNothing) {
  for (const auto name : budget_controller_names()) {
    test::Random random(11);
    const auto controller = make_budget_controller({.controller = std::string(name)});
    std::vector<float> action(7);
    controller->observe_action(action, 0);
    const auto before = test::allocations();
    for (int tick = 1; tick < 2000; ++tick) {
      const auto available = random.integer(0, 300);
      const auto budget =
          controller->budget({.deadline_ms = random.between(-5, 60), .available = available});
      EXPECT_GE(budget, 0);
      EXPECT_LE(budget, std::min<std::int64_t>(available, 256));
      EXPECT_GE(budget, std::min<std::int64_t>(available, 16));
      controller->observe_latency(budget, SimulatedLatency{.outliers = 0.1}.of(random, budget));
      for (auto& value : action) value = random.normal();
      controller->observe_action(action, 0.05 * tick);
    }
    if (test::counts_allocations()) {
      EXPECT_EQ(test::allocations(), before) << name;
    }
  }
}

TEST(BudgetController, RefusesOptionsOutOfRange) {
  const auto make = [](const BudgetOptions& options) { (void)make_budget_controller(options); };
  try {
    make({.controller = "magic"});
    FAIL() << "an unknown controller was made";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "budget controller: 'magic'; expected fixed, deadline, motion");
  }
  for (const auto name : budget_controller_names()) {
    const std::string controller(name);
    EXPECT_THROW(make({.controller = controller, .tokens = 0}), Error);
    if (name == "fixed") continue;
    EXPECT_THROW(make({.controller = controller, .least = -1}), Error);
    EXPECT_THROW(make({.controller = controller, .tokens = 15}), Error) << "below the least";
  }
  EXPECT_NO_THROW(make({.tokens = 1})) << "what a controller doesn't use doesn't matter";
  const std::string deadline = "deadline", motion = "motion";
  EXPECT_THROW(make({.controller = deadline, .latency = {.window = 1}}), Error);
  EXPECT_THROW(make({.controller = deadline, .first = 15}), Error);
  EXPECT_THROW(make({.controller = deadline, .first = 257}), Error);
  EXPECT_THROW(make({.controller = deadline, .explore_every = -1}), Error);
  EXPECT_THROW(make({.controller = deadline, .explore_share = 1}), Error);
  EXPECT_THROW(make({.controller = motion, .fast = 0}), Error);
  EXPECT_THROW(make({.controller = motion, .fast = std::nan("")}), Error);
  EXPECT_THROW(make({.controller = motion, .smoothing = 0}), Error);
  EXPECT_THROW(make({.controller = motion, .smoothing = 1.1}), Error);
}

}  // namespace
}  // namespace sluice::policy
