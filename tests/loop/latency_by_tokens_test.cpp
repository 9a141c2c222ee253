// Quantiles of the model's latency by its tokens, against sorted samples.
#include "apps/model/latency_by_tokens.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/support/random_clip.h"

namespace sluice::test {
namespace {

TEST(LatencyByTokens, QuantilesAreThoseOfSortedSamples) {
  Random random(1);
  model::LatencyByTokens latency;
  for (const std::int64_t tokens : {192, 48}) {
    std::vector<double> samples;
    for (int i = 0; i < 2000; ++i) {
      samples.push_back(std::exp(random.between(-2, 3)));
      latency.add(tokens, samples.back());
    }
    std::ranges::sort(samples);
    for (const auto& row : latency.rows(8)) {
      if (row.first_tokens != tokens) continue;
      EXPECT_EQ(row.last_tokens, tokens);
      EXPECT_EQ(row.packets, 2000);
      EXPECT_NEAR(row.p50_ms / samples[999], 1, 0.011);
      EXPECT_NEAR(row.p99_ms / samples[1979], 1, 0.011);
      EXPECT_EQ(row.max_ms, samples.back());
    }
  }
  EXPECT_EQ(latency.rows(8).size(), 2U);
  EXPECT_EQ(latency.rows(8)[0].first_tokens, 48);
}

TEST(LatencyByTokens, NeighboursShareARowWhereThereAreMany) {
  model::LatencyByTokens latency;
  for (std::int64_t tokens = 0; tokens < 1000; ++tokens)
    latency.add(tokens, 1 + 0.01 * static_cast<double>(tokens));
  const auto rows = latency.rows(8);
  ASSERT_EQ(rows.size(), 8U);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].packets, 125);
    EXPECT_EQ(rows[i].first_tokens, static_cast<std::int64_t>(125 * i));
    EXPECT_EQ(rows[i].last_tokens, static_cast<std::int64_t>(125 * i + 124));
  }
}

TEST(LatencyByTokens, NothingAndZeroAreFine) {
  model::LatencyByTokens latency;
  EXPECT_TRUE(latency.rows(8).empty());
  latency.add(0, 0);
  ASSERT_EQ(latency.rows(1).size(), 1U);
  EXPECT_EQ(latency.rows(1)[0].p99_ms, 0);  // never above the largest
}

TEST(LatencyByTokens, OneCountInFrontOfManyOthersKeepsTheRowsFew) {
  model::LatencyByTokens latency;
  for (int i = 0; i < 900; ++i) latency.add(192, 4);
  for (std::int64_t tokens = 1; tokens < 100; ++tokens) latency.add(tokens, 3);
  std::int64_t packets = 0;
  const auto rows = latency.rows(8);
  EXPECT_LE(rows.size(), 8U);
  for (const auto& row : rows) packets += row.packets;
  EXPECT_EQ(packets, 999);
}

}  // namespace
}  // namespace sluice::test
