// Promise 1: exactly as many tokens of a tick's source are selected as asked for, always.
#include <gtest/gtest.h>

#include "kernels/rounding.h"
#include "policy/selector.h"
#include "tests/support/random_candidates.h"

namespace sluice {
namespace {

using policy::Choice;
using stream::KeepReason;

/// How many kept rows have this reason.
std::int64_t count(const Choice& choice, KeepReason reason) {
  return std::count(choice.reason.begin(), choice.reason.end(), static_cast<std::uint8_t>(reason));
}

class Promise1ExactTickSelection : public testing::TestWithParam<std::string_view> {};

TEST_P(Promise1ExactTickSelection, EverySelectorKeepsExactlyWhatIsAskedFor) {
  kernels::Resources resources(1);
  test::Random random(941);
  const auto selector = policy::make_selector(GetParam());
  const auto selectors = static_cast<std::int64_t>(policy::selector_names().size());
  test::RandomCandidates made;
  Choice choice;
  for (std::int64_t round = 0; round < test::cases(100'000) / selectors; ++round) {
    test::random_candidates(random, 40, made);
    if (random.chance(0.02)) std::fill(made.semantic.begin(), made.semantic.end(), NAN);
    if (random.chance(0.02)) std::fill(made.action.begin(), made.action.end(), 0.0F);
    const std::int64_t asked = random.integer(std::ssize(made.pinned), made.size() + 3);
    const std::int64_t keep = std::min(asked, made.size());
    const double share = random.uniform();
    selector->select(resources, made.view(), asked, share, choice);

    ASSERT_EQ(std::ssize(choice.keep), keep) << "round " << round;
    ASSERT_EQ(choice.reason.size(), choice.keep.size());
    std::vector<std::uint8_t> kept(made.finite.size(), 0);
    std::int32_t before = -1;
    for (const auto row : choice.keep) {
      ASSERT_GT(row, before) << "round " << round;
      ASSERT_LT(row, made.size());
      before = row;
      kept[static_cast<std::size_t>(row)] = 1;
    }

    // Pinned rows are there; what is broken only when nothing sound was left.
    ASSERT_EQ(count(choice, KeepReason::pinned), std::ssize(made.pinned)) << "round " << round;
    std::int64_t broken_kept = 0, sound_dropped = 0, refreshable = 0;
    for (std::size_t row = 0; row < kept.size(); ++row) {
      const bool is_pinned = std::binary_search(made.pinned.begin(), made.pinned.end(), row);
      ASSERT_TRUE(!is_pinned || kept[row] != 0) << "round " << round;
      broken_kept += !is_pinned && made.finite[row] == 0 && kept[row] != 0;
      sound_dropped += made.finite[row] != 0 && kept[row] == 0;
      refreshable += !is_pinned && made.finite[row] != 0 && !made.unsent_for.empty() &&
                     made.unsent_for[row] != 1;
    }
    ASSERT_TRUE(broken_kept == 0 || sound_dropped == 0) << "round " << round;

    // The refresh share is exact as well.
    const bool refreshes = selector->refreshes() && keep < made.size();
    const std::int64_t refreshed =
        std::min({kernels::round_half_even(share * static_cast<double>(keep)),
                  keep - std::ssize(made.pinned), refreshable});
    ASSERT_EQ(count(choice, KeepReason::refresh), refreshes ? refreshed : 0) << "round " << round;
  }
}

INSTANTIATE_TEST_SUITE_P(Selectors, Promise1ExactTickSelection,
                         testing::ValuesIn(policy::selector_names().begin(),
                                           policy::selector_names().end()),
                         [](const auto& test) {
                           std::string name(test.param);
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace sluice
