// Promise 1: exactly as many tokens leave as the budget says, always.
#include <gtest/gtest.h>

#include <cmath>
#include <tuple>

#include "kernels/rounding.h"
#include "temporal/reduce.h"
#include "tests/support/frames.h"
#include "tests/support/random_clip.h"

namespace sluice {
namespace {

using kernels::round_half_even;
using kernels::TensorView;

struct RandomCase {
  test::ClipShape shape;
  kernels::Tensor clip;
  kernels::Tensor attention;  // may be undefined
};

/// Small clips of every kind: still, restless, all ties, twins, zero and broken tokens.
RandomCase random_case(test::Random& random) {
  RandomCase result;
  result.shape = {random.integer(1, 9), random.integer(1, 12), random.integer(1, 6)};
  test::ClipOptions options;
  options.repeat = random.chance(0.2) ? 1.0 : random.uniform();
  options.exact_copy = random.chance(0.3) ? 1.0 : 0.2;
  options.noise = random.between(0, 0.8);
  options.twin = random.chance(0.2) ? 0.5 : 0;
  options.zero = random.chance(0.2) ? 0.2 : 0;
  options.broken = random.chance(0.2) ? random.uniform() : 0;
  result.clip = test::clip_tensor(test::random_clip(random, result.shape, options), result.shape);
  if (random.chance(0.6))
    result.attention = test::random_attention(random, result.shape, random.chance(0.5) ? 1 : 0);
  return result;
}

TEST(Promise1ExactBudget, RecordingsKeepExactlyTheirBudget) {
  kernels::Resources resources(1);
  test::Random random(101);
  temporal::Reduction result;
  for (std::int64_t round = 0; round < test::cases(100'000); ++round) {
    const RandomCase input = random_case(random);
    const std::int64_t tokens = input.shape.frames * input.shape.positions;
    temporal::HolitomParameters parameters;
    parameters.tau = random.between(0.2, 0.99);
    parameters.contextual = random.chance(0.3) ? random.uniform() : 0;
    if (random.chance(0.5))
      parameters.budget = random.chance(0.2) ? 0 : random.integer(0, tokens + 5);
    else
      parameters.retain = std::max(1e-6, random.uniform());
    temporal::ClipReducer(resources, parameters)
        .reduce(input.clip, input.attention.defined() ? input.attention.view() : TensorView(),
                result);
    const std::int64_t wanted = parameters.budget.value_or(
        round_half_even(parameters.retain * static_cast<double>(tokens)));
    ASSERT_EQ(result.tokens.size(), std::min(wanted, result.available)) << "round " << round;
    ASSERT_LE(result.available, tokens);

    // Nothing broken is kept while something sound was left out.
    std::int64_t broken_kept = 0, sound_dropped = 0;
    for (std::size_t token = 0; token < result.assignment.size(); ++token) {
      const bool finite = result.redundancy.finite[token] != 0;
      broken_kept += !finite && result.assignment[token] >= 0;
      sound_dropped += finite && result.assignment[token] < 0;
    }
    ASSERT_TRUE(broken_kept == 0 || sound_dropped == 0) << "round " << round;
  }
}

TEST(Promise1ExactBudget, StreamsNeverSpendAheadAndAccountForEveryToken) {
  kernels::Resources resources(1);
  test::Random random(102);
  for (std::int64_t round = 0; round < test::cases(20'000); ++round) {
    const RandomCase input = random_case(random);
    temporal::VideoReducerOptions options;
    options.causal = true;
    options.latency = random.integer(1, 12);
    options.reduction.retain = std::max(1e-6, random.uniform());
    options.reduction.tau = random.between(0.2, 0.99);
    if (random.chance(0.3)) options.credit_frames = random.integer(1, 6);
    const auto cap = static_cast<std::int64_t>(
        std::ceil(options.reduction.retain *
                  static_cast<double>(options.credit_frames.value_or(options.latency)) *
                  static_cast<double>(input.shape.positions)));
    std::int64_t seen = 0, kept = 0, credit = 0, earned = 0;
    for (const auto& segment :
         test::reduce_frames(resources, input.clip, input.attention, options)) {
      seen += segment.segment.frames() * input.shape.positions;
      const std::int64_t now =
          round_half_even(options.reduction.retain * static_cast<double>(seen));
      credit = std::min(credit + now - earned, cap);
      earned = now;
      const std::int64_t expected = std::min(credit, segment.available());
      ASSERT_EQ(segment.tokens.size(), expected) << "round " << round;
      ASSERT_EQ(segment.budget, credit);
      credit -= expected;
      kept += expected;
      ASSERT_LE(kept, earned);
      ASSERT_EQ(segment.totals.kept, kept);
      ASSERT_EQ(segment.totals.unspent, earned - kept);
    }
    ASSERT_EQ(seen, input.shape.frames * input.shape.positions);
  }
}

/// However small a frame's share, a restless stream gets all of it in the long run.
TEST(Promise1ExactBudget, SmallSharesAddUp) {
  kernels::Resources resources(1);
  test::Random random(103);
  for (const auto& [positions, latency, retain] :
       {std::tuple{4, 1, 0.1}, std::tuple{7, 1, 0.2}, std::tuple{30, 1, 0.01}}) {
    const test::ClipShape shape{600, positions, 8};
    const auto clip = test::clip_tensor(test::random_clip(random, shape, {.repeat = 0}), shape);
    temporal::VideoReducerOptions options;
    options.causal = true;
    options.latency = latency;
    options.reduction.retain = retain;
    options.reduction.tau = 1.0;
    const auto totals = test::reduce_frames(resources, clip, {}, options).back().totals;
    EXPECT_GE(totals.kept, round_half_even(retain * static_cast<double>(totals.seen)) - 1);
  }
}

}  // namespace
}  // namespace sluice
