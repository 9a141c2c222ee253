// Promise 5: every kept token can be traced to source, time, place and the tokens merged into it;
// every dropped one has a reason.
#include <gtest/gtest.h>

#include <map>

#include "temporal/reduce.h"
#include "tests/support/random_clip.h"

namespace sluice {
namespace {

using kernels::TensorView;
using stream::DropReason;
using stream::TokenKind;

TEST(Promise5OriginTravels, WeightsAndAssignmentsTellTheSameStory) {
  kernels::Resources resources(1);
  test::Random random(501);
  temporal::Reduction result;
  for (std::int64_t round = 0; round < test::cases(4'000, 10); ++round) {
    const test::ClipShape shape{random.integer(1, 12), random.integer(1, 20), random.integer(1, 8)};
    const auto clip = test::clip_tensor(
        test::random_clip(random, shape, {.repeat = 0.8, .noise = 0.4, .broken = 0.03}), shape);
    temporal::HolitomParameters parameters;
    parameters.retain = std::max(0.01, random.uniform());
    parameters.contextual = random.chance(0.5) ? random.uniform() : 0;
    parameters.order =
        random.chance(0.5) ? temporal::TokenOrder::spatial : temporal::TokenOrder::static_first;
    temporal::ClipReducer(resources, parameters).reduce(clip, TensorView(), result);
    const auto rows = static_cast<std::size_t>(result.tokens.size());

    std::vector<std::int64_t> members(rows, 0);
    for (std::int64_t f = 0; f < shape.frames; ++f)
      for (std::int64_t p = 0; p < shape.positions; ++p) {
        const auto token = static_cast<std::size_t>(f * shape.positions + p);
        const std::int32_t row = result.assignment[token];
        if (row < 0) {
          ASSERT_GE(row, static_cast<std::int32_t>(DropReason::non_finite));
          ASSERT_EQ(row == static_cast<std::int32_t>(DropReason::non_finite),
                    result.redundancy.finite[token] == 0);
          continue;
        }
        ASSERT_LT(static_cast<std::size_t>(row), rows);
        const auto at = static_cast<std::size_t>(row);
        ++members[at];
        ASSERT_LE(result.tokens.frame[at], f);
        ASSERT_GE(result.tokens.frame_last[at], f);
      }
    for (std::size_t row = 0; row < rows; ++row) {
      ASSERT_EQ(result.tokens.weight[row], members[row]) << "round " << round;
      const std::int64_t f = result.tokens.frame[row];
      const std::int64_t p = result.tokens.position[row];
      ASSERT_EQ(result.assignment[static_cast<std::size_t>(f * shape.positions + p)],
                static_cast<std::int32_t>(row))
          << "a token stands for the place it names";
      ASSERT_EQ(result.tokens.key[row], p);
      if (result.tokens.kind[row] == static_cast<std::uint8_t>(TokenKind::dynamic)) {
        ASSERT_EQ(result.tokens.frame[row], result.tokens.frame_last[row]);
      }
    }
  }
}

}  // namespace
}  // namespace sluice
