#include "kernels/apportion.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "kernels/error.h"
#include "kernels/rounding.h"
#include "tests/support/random_clip.h"

namespace sluice::kernels {
namespace {

std::vector<std::int64_t> shares_of(std::int64_t total, std::vector<std::int64_t> available) {
  std::vector<std::int64_t> shares(available.size());
  apportion(total, available, shares);
  return shares;
}

TEST(Rounding, HalvesGoToEven) {
  EXPECT_EQ(round_half_even(0.5), 0);
  EXPECT_EQ(round_half_even(1.5), 2);
  EXPECT_EQ(round_half_even(2.5), 2);
  EXPECT_EQ(round_half_even(-0.5), 0);
  EXPECT_EQ(round_half_even(-1.5), -2);
  EXPECT_EQ(round_half_even(2.4999999999), 2);
  EXPECT_EQ(round_half_even(256 * (1 - 0.9275)), 19);
}

TEST(Apportion, FollowsCumulativeQuotas) {
  // Four frames' groups at 6 of 7 tokens: quotas 1.71, .86, .86, 2.57, 0, 0.
  EXPECT_EQ(shares_of(6, {2, 1, 1, 3, 0, 0}), (std::vector<std::int64_t>{2, 1, 0, 3, 0, 0}));
}

TEST(Apportion, EdgeTotals) {
  EXPECT_EQ(shares_of(0, {3, 4}), (std::vector<std::int64_t>{0, 0}));
  EXPECT_EQ(shares_of(7, {3, 4}), (std::vector<std::int64_t>{3, 4}));
  EXPECT_EQ(shares_of(0, {}), (std::vector<std::int64_t>{}));
  EXPECT_THROW((void)shares_of(8, {3, 4}), Error);
  EXPECT_THROW((void)shares_of(-1, {3, 4}), Error);
}

TEST(Apportion, IsExactAndNeverExceedsAGroup) {
  test::Random random(11);
  for (std::int64_t round = 0; round < test::cases(100'000); ++round) {
    std::vector<std::int64_t> available(static_cast<std::size_t>(random.integer(1, 40)));
    for (auto& group : available) group = random.chance(0.2) ? 0 : random.integer(0, 200);
    const auto sum = std::accumulate(available.begin(), available.end(), std::int64_t{0});
    const std::int64_t total = random.integer(0, sum);
    const auto shares = shares_of(total, available);
    ASSERT_EQ(std::accumulate(shares.begin(), shares.end(), std::int64_t{0}), total);
    double cumulative = 0;
    std::int64_t given = 0;
    for (std::size_t g = 0; g < shares.size(); ++g) {
      ASSERT_GE(shares[g], 0);
      ASSERT_LE(shares[g], available[g]);
      cumulative += static_cast<double>(available[g]) * static_cast<double>(total) /
                    static_cast<double>(std::max<std::int64_t>(sum, 1));
      given += shares[g];
      ASSERT_NEAR(static_cast<double>(given), cumulative, 0.5 + 1e-6) << "even over the groups";
    }
  }
}

}  // namespace
}  // namespace sluice::kernels
