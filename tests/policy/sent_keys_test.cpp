#include "policy/sent_keys.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/support/random_clip.h"

namespace sluice::policy {
namespace {

std::vector<std::int32_t> unsent(const SentKeys& sent, const std::vector<std::int64_t>& keys) {
  std::vector<std::int32_t> ticks(keys.size());
  EXPECT_TRUE(sent.unsent_for(keys, ticks));
  return ticks;
}

TEST(SentKeys, KnowsNothingAtFirst) {
  SentKeys sent;
  std::vector<std::int32_t> ticks(1);
  EXPECT_FALSE(sent.unsent_for(std::vector<std::int64_t>{1}, ticks));
}

TEST(SentKeys, CountsTicksSinceATokenWasSent) {
  SentKeys sent;
  const std::vector<std::int64_t> keys{30, 10, 20};
  sent.record(keys, std::vector<std::int32_t>{0});
  EXPECT_EQ(unsent(sent, keys), (std::vector<std::int32_t>{1, -1, -1}));
  sent.record(keys, std::vector<std::int32_t>{1});
  EXPECT_EQ(unsent(sent, keys), (std::vector<std::int32_t>{2, 1, -1}));
  sent.record({}, {});
  EXPECT_EQ(unsent(sent, {10, 11, 30}), (std::vector<std::int32_t>{2, -1, 3}));
  sent.clear();
  std::vector<std::int32_t> ticks(3);
  EXPECT_FALSE(sent.unsent_for(keys, ticks));
}

TEST(SentKeys, WhatIsOfferedIsNeverForgottenOthersAre) {
  SentKeys sent;
  sent.record(std::vector<std::int64_t>{1, 2}, std::vector<std::int32_t>{0, 1});
  for (int tick = 0; tick < 200; ++tick) sent.record(std::vector<std::int64_t>{1}, {});
  EXPECT_EQ(unsent(sent, {1, 2}), (std::vector<std::int32_t>{201, -1}));
}

TEST(SentKeys, AgreesWithAMap) {
  test::Random random(921);
  for (std::int64_t round = 0; round < test::cases(2'000); ++round) {
    SentKeys sent;
    std::map<std::int64_t, std::int64_t> last;
    for (std::int64_t tick = 1; tick <= 40; ++tick) {  // too few to forget anything
      std::vector<std::int64_t> keys;
      std::vector<std::int32_t> rows;
      for (std::int64_t i = random.integer(0, 12); i > 0; --i) {
        keys.push_back(random.integer(0, 20));  // in any order, some twice
        if (!random.chance(0.4)) continue;
        rows.push_back(static_cast<std::int32_t>(keys.size()) - 1);
        last[keys.back()] = tick;
      }
      sent.record(keys, rows);
      for (std::int64_t i = 0; i < 3; ++i) keys.push_back(random.integer(0, 20));
      const auto ticks = unsent(sent, keys);
      for (std::size_t i = 0; i < keys.size(); ++i)
        ASSERT_EQ(ticks[i], last.contains(keys[i]) ? tick + 1 - last[keys[i]] : -1)
            << "round " << round << ", tick " << tick;
    }
  }
}

}  // namespace
}  // namespace sluice::policy
