#include "policy/source_shares.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <vector>

#include "kernels/error.h"
#include "tests/support/allocation_counter.h"
#include "tests/support/random_clip.h"

namespace sluice::policy {
namespace {

using Shares = std::vector<std::int64_t>;

/// Nothing if it was refused.
std::optional<Shares> share(std::int64_t budget, const std::vector<SourceClaim>& claims) {
  ShareWorkspace workspace;
  Shares shares(claims.size(), -7);
  const bool possible = share_budget(budget, claims, workspace, shares);
  if (possible) return shares;
  EXPECT_EQ(shares, Shares(claims.size(), 0));
  return std::nullopt;
}

std::int64_t sum(const Shares& shares) {
  return std::accumulate(shares.begin(), shares.end(), std::int64_t{0});
}

std::int64_t limit(const SourceClaim& claim) {
  return claim.cap < 0 ? claim.rows : std::min(claim.cap, claim.rows);
}

std::int64_t least(const SourceClaim& claim) {
  return std::max(std::min(claim.floor, limit(claim)), claim.pinned);
}

/// A number of tokens as whole + part / of.
struct Quota {
  std::int64_t whole = 0, part = 0, of = 1;
};

/// By definition: the one set of full sources for which everybody else has room for a share in
/// proportion, and nobody in the set has. Tries every set; in fractions.
std::vector<Quota> water_level(std::int64_t left, const Shares& weight, const Shares& room) {
  const auto n = weight.size();
  for (std::uint64_t full = 0; full < (1u << n); ++full) {
    std::int64_t rest = left, open = 0;
    for (std::size_t i = 0; i < n; ++i) {
      if ((full >> i & 1) != 0)
        rest -= room[i];
      else
        open += weight[i];
    }
    if (rest < 0) continue;
    bool right = open > 0 || rest == 0;
    for (std::size_t i = 0; i < n && right; ++i) {
      const auto in_proportion = rest * weight[i], space = room[i] * open;
      right = (full >> i & 1) != 0 ? open == 0 || in_proportion >= space
                                   : in_proportion < space || (in_proportion == 0 && space == 0);
    }
    if (!right) continue;
    std::vector<Quota> quotas;
    for (std::size_t i = 0; i < n; ++i) {
      if ((full >> i & 1) != 0)
        quotas.push_back({room[i], 0, 1});
      else if (open == 0)
        quotas.push_back({});
      else
        quotas.push_back({rest * weight[i] / open, rest * weight[i] % open, open});
    }
    return quotas;
  }
  ADD_FAILURE() << "no set of full sources fits";
  return std::vector<Quota>(n);
}

void add_by_largest_remainder(std::int64_t left, const std::vector<Quota>& quotas, Shares& shares) {
  std::vector<std::size_t> order(quotas.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return quotas[a].part * quotas[b].of > quotas[b].part * quotas[a].of;
  });
  for (std::size_t i = 0; i < quotas.size(); ++i) {
    shares[i] += quotas[i].whole;
    left -= quotas[i].whole;
  }
  for (std::size_t rank = 0; left > 0; ++rank, --left) ++shares[order[rank]];
}

/// For information that is a small whole number.
std::optional<Shares> oracle(std::int64_t budget, const std::vector<SourceClaim>& claims) {
  Shares shares, room, weight;
  for (const auto& claim : claims) {
    if (claim.pinned > limit(claim)) return std::nullopt;
    shares.push_back(least(claim));
    room.push_back(limit(claim) - least(claim));
    weight.push_back(room.back() > 0 ? static_cast<std::int64_t>(claim.information) : 0);
  }
  if (sum(shares) > budget) return std::nullopt;
  std::int64_t left = std::min(budget - sum(shares), sum(room));
  Shares informed_room;
  for (std::size_t i = 0; i < room.size(); ++i)
    informed_room.push_back(weight[i] > 0 ? room[i] : 0);
  const auto informed = std::min(left, sum(informed_room));
  add_by_largest_remainder(informed, water_level(informed, weight, informed_room), shares);
  left -= informed;
  if (left > 0) {
    for (std::size_t i = 0; i < room.size(); ++i) room[i] -= informed_room[i];
    add_by_largest_remainder(left, water_level(left, room, room), shares);
  }
  return shares;
}

std::vector<SourceClaim> random_claims(test::Random& random) {
  std::vector<SourceClaim> claims(static_cast<std::size_t>(random.integer(1, 5)));
  const std::int64_t most = random.chance(0.5) ? 8 : 300;
  for (auto& claim : claims) {
    claim.rows = random.chance(0.1) ? 0 : random.integer(1, most);
    if (random.chance(0.3)) claim.cap = random.integer(0, most);
    if (random.chance(0.3)) claim.floor = random.integer(0, most / 4);
    if (random.chance(0.2)) claim.pinned = random.integer(0, std::min(claim.rows, most / 4));
    if (random.chance(0.8)) claim.information = static_cast<double>(random.integer(0, 12));
  }
  return claims;
}

TEST(ShareBudget, AgreesWithFractionsOverEverySetOfFullSources) {
  test::Random random(41);
  std::int64_t refused = 0;
  constexpr std::int64_t cases = 100000;
  for (std::int64_t round = 0; round < cases; ++round) {
    const auto claims = random_claims(random);
    const auto budget = random.integer(0, random.chance(0.5) ? 20 : 600);
    const auto shares = share(budget, claims);
    ASSERT_EQ(shares, oracle(budget, claims)) << "seed 41, round " << round;
    refused += shares ? 0 : 1;
  }
  EXPECT_LT(refused, cases / 2) << "most cases must be possible ones";
}

TEST(ShareBudget, IsExactAndWithinOneOfProportionForAnyInformation) {
  test::Random random(42);
  for (std::int64_t round = 0; round < 100000; ++round) {
    auto claims = random_claims(random);
    long double all = 0;
    for (auto& claim : claims) {
      claim.information =
          std::ldexp(random.between(0.5, 1), static_cast<int>(random.integer(-8, 8)));
      claim.cap = -1;
      claim.rows += 700;  // nobody is full
      all += static_cast<long double>(claim.information);
    }
    const auto budget = random.integer(300, 600);
    const auto shares = share(budget, claims);
    if (!shares) continue;
    ASSERT_EQ(sum(*shares), budget);
    std::int64_t left = budget;
    for (const auto& claim : claims) left -= least(claim);
    for (std::size_t i = 0; i < claims.size(); ++i) {
      const auto quota = static_cast<long double>(claims[i].information) / all * left;
      const auto got = static_cast<long double>((*shares)[i] - least(claims[i]));
      ASSERT_LT(std::abs(got - quota), 1.00001L) << "seed 42, round " << round;
    }
  }
}

TEST(ShareBudget, MoreInformationIsNeverLess) {
  test::Random random(43);
  for (std::int64_t round = 0; round < 100000; ++round) {
    auto claims = random_claims(random);
    const auto budget = random.integer(0, 600);
    const auto before = share(budget, claims);
    if (!before) continue;
    const auto i =
        static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(claims.size()) - 1));
    const bool any_information = std::any_of(claims.begin(), claims.end(), [](const auto& claim) {
      return claim.information > 0 && limit(claim) > least(claim);
    });
    if (!any_information) continue;  // else its room has counted
    claims[i].information += static_cast<double>(random.integer(1, 5));
    ASSERT_GE((*share(budget, claims))[i], (*before)[i]) << "seed 43, round " << round;
  }
}

TEST(ShareBudget, InProportionToInformation) {
  EXPECT_EQ(share(100, {{.rows = 256, .information = 3}, {.rows = 256, .information = 1}}),
            (Shares{75, 25}));
  EXPECT_EQ(share(100, {{.rows = 256, .floor = 20, .information = 3},
                        {.rows = 256, .floor = 40, .information = 1}}),
            (Shares{50, 50}))
      << "of the 40 that are left";
}

TEST(ShareBudget, WhatAFullSourceCantTakeGoesToTheOthersInProportion) {
  EXPECT_EQ(share(100, {{.rows = 10, .information = 5},
                        {.rows = 256, .information = 2},
                        {.rows = 256, .information = 1}}),
            (Shares{10, 60, 30}));
  EXPECT_EQ(
      share(100, {{.rows = 256, .cap = 10, .information = 5}, {.rows = 256, .information = 2}}),
      (Shares{10, 90}));
}

TEST(ShareBudget, TiesGoToTheLowestIndex) {
  const SourceClaim equal{.rows = 9, .information = 0.1};
  EXPECT_EQ(share(10, {equal, equal, equal}), (Shares{4, 3, 3}));
  EXPECT_EQ(share(11, {equal, equal, equal}), (Shares{4, 4, 3}));
  // 4/3 and 1/3 have the same remainder, in whatever order and scale.
  EXPECT_EQ(share(2, {{.rows = 9, .information = 4},
                      {.rows = 9, .information = 1},
                      {.rows = 9, .information = 1}}),
            (Shares{2, 0, 0}));
  EXPECT_EQ(share(2, {{.rows = 9, .information = 0.25},
                      {.rows = 9, .information = 1.0},
                      {.rows = 9, .information = 0.25}}),
            (Shares{1, 1, 0}));
}

TEST(ShareBudget, WithoutInformationRoomCounts) {
  EXPECT_EQ(share(30, {{.rows = 40}, {.rows = 20}}), (Shares{20, 10}));
  EXPECT_EQ(share(30, {{.rows = 10, .information = 1}, {.rows = 40}, {.rows = 40}}),
            (Shares{10, 10, 10}))
      << "only after those that have information";
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double none : {nan, HUGE_VAL, -1.0})
    EXPECT_EQ(share(9, {{.rows = 9, .information = none}, {.rows = 9, .information = 1}}),
              (Shares{0, 9}));
  EXPECT_EQ(share(10, {{.rows = 10, .information = 5e-324}, {.rows = 10}}), (Shares{10, 0}));
  EXPECT_EQ(share(15, {{.rows = 10, .information = 1e308},
                       {.rows = 10, .information = 1e-308},
                       {.rows = 10}}),
            (Shares{10, 5, 0}))
      << "little information is not none";
}

TEST(ShareBudget, RefusesWhatDoesNotFit) {
  EXPECT_EQ(share(9, {{.rows = 20, .floor = 5}, {.rows = 20, .pinned = 5}}), std::nullopt);
  EXPECT_EQ(share(10, {{.rows = 20, .floor = 5}, {.rows = 20, .pinned = 5}}), (Shares{5, 5}));
  EXPECT_EQ(share(9, {{.rows = 20, .cap = 3, .pinned = 4}}), std::nullopt);
  EXPECT_EQ(share(9, {{.rows = 3, .pinned = 4}}), std::nullopt);
  EXPECT_EQ(share(9, {{.rows = 3, .floor = 8}}), (Shares{3})) << "a floor is no more than it has";
  EXPECT_EQ(share(-1, {{.rows = 3}}), (Shares{0}));
  EXPECT_EQ(share(5, {}), (Shares{}));
  ShareWorkspace workspace;
  Shares shares(2);
  EXPECT_THROW((void)share_budget(5, std::vector<SourceClaim>(3), workspace, shares), Error);
}

TEST(ShareBudget, AllocatesNothingOnceReserved) {
  if (!test::counts_allocations()) GTEST_SKIP() << "a sanitizer counts them in its own way";
  test::Random random(44);
  std::vector<std::vector<SourceClaim>> all;
  for (int i = 0; i < 100; ++i) all.push_back(random_claims(random));
  ShareWorkspace workspace;
  workspace.reserve(5);
  Shares shares(5);
  std::int64_t given = 0;
  const auto before = test::allocations();
  for (const auto& claims : all) {
    const auto out = std::span(shares).first(claims.size());
    if (share_budget(300, claims, workspace, out)) given += out[0];
  }
  EXPECT_EQ(test::allocations(), before);
  EXPECT_GT(given, 0);
}

}  // namespace
}  // namespace sluice::policy
