#include "policy/dual_level.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <set>

#include "tests/support/max_min_oracle.h"
#include "tests/support/random_clip.h"

namespace sluice::policy {
namespace {

using kernels::DType;

/// Indices of the `keep` largest, ties to the lowest index, written out.
std::set<std::int32_t> top(const std::vector<float>& scores, std::int64_t keep) {
  std::vector<std::int32_t> order(scores.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int32_t>(i);
  std::stable_sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)];
  });
  return {order.begin(), order.begin() + keep};
}

struct Case {
  std::vector<std::vector<double>> rows;
  kernels::Tensor features;
  std::vector<float> semantic, action;
  std::vector<std::uint8_t> finite;
};

Case random_case(test::Random& random) {
  Case made;
  const std::int64_t n = random.integer(1, 40), width = random.integer(1, 16);
  const auto values = test::random_clip(random, {1, n, width}, {.zero = 0.03, .twin = 0.3});
  made.features.reshape(DType::f32, {n, width});
  std::copy(values.begin(), values.end(), made.features.as<float>().begin());
  for (std::int64_t i = 0; i < n; ++i) {
    const auto* row = values.data() + i * width;
    made.rows.emplace_back(row, row + width);
    // Few levels make ties.
    made.semantic.push_back(static_cast<float>(random.integer(0, 6)));
    made.action.push_back(static_cast<float>(random.integer(0, 6)));
    made.finite.push_back(1);
  }
  return made;
}

TEST(DualLevel, AgreesWithTheDefinition) {
  kernels::Resources resources(1);
  test::Random random(901);
  DualLevelWorkspace workspace;
  std::vector<std::int32_t> kept;
  std::int64_t filtered = 0;
  for (std::int64_t round = 0; round < test::cases(10'000); ++round) {
    const Case made = random_case(random);
    const auto n = static_cast<std::int64_t>(made.rows.size());
    const std::int64_t keep = random.integer(0, n);
    select_dual_level(resources, made.features.view(), made.semantic, made.action, made.finite,
                      keep, workspace, kept);
    ASSERT_EQ(static_cast<std::int64_t>(kept.size()), keep) << "round " << round;
    ASSERT_TRUE(std::is_sorted(kept.begin(), kept.end()));
    if (*std::max_element(made.action.begin(), made.action.end()) == 0) continue;

    auto united = top(made.semantic, keep);
    united.merge(top(made.action, keep));
    const std::vector<std::int32_t> candidates(united.begin(), united.end());
    std::vector<std::vector<double>> rows;
    for (const auto row : candidates) rows.push_back(made.rows[static_cast<std::size_t>(row)]);
    const auto oracle = test::max_min_oracle(rows, keep);
    if (oracle.margin < 1e-12) continue;  // rounding of the oracle itself decides
    filtered += static_cast<std::int64_t>(candidates.size()) > keep;
    std::vector<std::int32_t> expected;
    for (const auto index : oracle.kept)
      expected.push_back(candidates[static_cast<std::size_t>(index)]);
    ASSERT_EQ(kept, expected) << "round " << round;
  }
  EXPECT_GT(filtered, test::cases(10'000) / 4);
}

TEST(DualLevel, WithoutHistorySemanticDecidesAlone) {
  kernels::Resources resources(1);
  test::Random random(902);
  DualLevelWorkspace workspace;
  std::vector<std::int32_t> kept;
  for (std::int64_t round = 0; round < test::cases(2'000); ++round) {
    Case made = random_case(random);
    const auto n = static_cast<std::int64_t>(made.rows.size());
    const std::int64_t keep = random.integer(0, n);
    const auto expected = top(made.semantic, keep);
    std::fill(made.action.begin(), made.action.end(), 0.0F);
    for (const auto& action : {std::vector<float>{}, made.action}) {
      select_dual_level(resources, made.features.view(), made.semantic, action, made.finite, keep,
                        workspace, kept);
      ASSERT_EQ(std::set<std::int32_t>(kept.begin(), kept.end()), expected) << "round " << round;
    }
  }
}

TEST(DualLevel, RowsThatAreNotFiniteComeLast) {
  kernels::Resources resources(1);
  test::Random random(903);
  DualLevelWorkspace workspace;
  std::vector<std::int32_t> kept;
  for (std::int64_t round = 0; round < test::cases(2'000); ++round) {
    Case made = random_case(random);
    const auto n = static_cast<std::int64_t>(made.rows.size());
    std::int64_t finite = n;
    for (std::size_t i = 0; i < made.finite.size(); ++i)
      if (random.chance(0.3)) {
        made.finite[i] = 0;
        --finite;
        made.features.as<float>()[i * made.rows[0].size()] =
            std::numeric_limits<float>::quiet_NaN();
      }
    const std::int64_t keep = random.integer(0, n);
    select_dual_level(resources, made.features.view(), made.semantic, made.action, made.finite,
                      keep, workspace, kept);
    ASSERT_EQ(static_cast<std::int64_t>(kept.size()), keep);
    const auto broken = std::count_if(kept.begin(), kept.end(), [&](std::int32_t row) {
      return made.finite[static_cast<std::size_t>(row)] == 0;
    });
    ASSERT_EQ(broken, std::max<std::int64_t>(0, keep - finite)) << "round " << round;
  }
}

TEST(DualLevel, RefusesWhatDoesNotFit) {
  kernels::Resources resources(1);
  DualLevelWorkspace workspace;
  std::vector<std::int32_t> kept;
  const kernels::Tensor features(DType::f32, {3, 2});
  const std::vector<float> three(3), two(2);
  const std::vector<std::uint8_t> finite(3, 1);
  const auto select = [&](const auto& semantic, const auto& action, std::int64_t keep) {
    select_dual_level(resources, features.view(), semantic, action, finite, keep, workspace, kept);
  };
  EXPECT_THROW(select(two, three, 1), Error);
  EXPECT_THROW(select(three, two, 1), Error);
  EXPECT_THROW(select(three, three, -1), Error);
  EXPECT_NO_THROW(select(three, three, 9));
}

}  // namespace
}  // namespace sluice::policy
