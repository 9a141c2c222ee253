#include "policy/attention_history.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>

#include "kernels/error.h"
#include "tests/support/random_clip.h"

namespace sluice::policy {
namespace {

using Sent = std::map<std::int64_t, float>;

bool push(AttentionHistory& history, std::int64_t tick, const Sent& sent) {
  std::vector<std::int64_t> keys;
  std::vector<float> attention;
  for (const auto& [key, value] : sent) {
    keys.push_back(key);
    attention.push_back(value);
  }
  return history.push(tick, keys, attention);
}

std::vector<float> scores(const AttentionHistory& history, const std::vector<std::int64_t>& keys) {
  std::vector<float> result(keys.size(), -1);
  (void)history.scores(keys, result);
  return result;
}

TEST(AttentionHistory, NewestIsHeaviest) {  // worked out by hand
  AttentionHistory history({.absent_decay = 0});
  push(history, 1, {{10, 1.0F}});
  push(history, 2, {{20, 1.0F}});
  push(history, 3, {{30, 1.0F}});
  const auto score = scores(history, {30, 20, 10, 5});
  EXPECT_NEAR(score[0], 0.4098, 5e-5);
  EXPECT_NEAR(score[1], 0.3279, 5e-5);
  EXPECT_NEAR(score[2], 0.2623, 5e-5);
  EXPECT_EQ(score[3], 0);
}

TEST(AttentionHistory, ReversedIsThePublishedBaseCode) {
  AttentionHistory history({.absent_decay = 0, .reversed = true});
  push(history, 1, {{10, 1.0F}});
  push(history, 2, {{20, 1.0F}});
  EXPECT_NEAR(scores(history, {10})[0], 0.8 / (0.8 + 0.64), 1e-6);
  push(history, 3, {{30, 1.0F}});
  EXPECT_NEAR(scores(history, {10})[0], 0.4098, 5e-5);
  EXPECT_NEAR(scores(history, {30})[0], 0.2623, 5e-5);
}

TEST(AttentionHistory, AbsentAttentionDecaysUnlessPublished) {
  AttentionHistory ours({.absent_decay = 0.5}), published({.absent_decay = 0});
  for (auto* history : {&ours, &published}) {
    push(*history, 1, {{1, 8.0F}, {2, 1.0F}});
    for (std::int64_t tick = 2; tick <= 5; ++tick) push(*history, tick, {{2, 1.0F}});
  }
  // Of ticks 3, 4, 5: 8 · 0.5², 0.5³, 0.5⁴.
  EXPECT_NEAR(scores(ours, {1})[0], (0.64 * 1.0 + 0.8 * 0.5 + 0.512 * 2.0) / (0.8 + 0.64 + 0.512),
              1e-6);
  EXPECT_EQ(scores(published, {1})[0], 0);
  EXPECT_NEAR(scores(ours, {2})[0], 1, 1e-6);
}

TEST(AttentionHistory, TicksTakeTheirPlaceByNumber) {
  AttentionHistory history({});
  EXPECT_TRUE(push(history, 7, {{1, 7.0F}}));
  EXPECT_TRUE(push(history, 9, {{1, 9.0F}}));
  EXPECT_TRUE(push(history, 8, {{1, 8.0F}}));
  const float before = scores(history, {1})[0];
  EXPECT_NEAR(before, (0.8 * 9 + 0.64 * 8 + 0.512 * 7) / (0.8 + 0.64 + 0.512), 1e-6);
  EXPECT_FALSE(push(history, 8, {{1, 100.0F}})) << "there already";
  EXPECT_FALSE(push(history, 6, {{1, 100.0F}})) << "fallen out of the window";
  EXPECT_EQ(scores(history, {1})[0], before);
  EXPECT_EQ(history.size(), 3);
}

TEST(AttentionHistory, ZerosAreNoHistory) {
  AttentionHistory history({});
  const std::vector<std::int64_t> keys{1, 2};
  std::vector<float> score(2, -1);
  EXPECT_FALSE(history.scores(keys, score));
  EXPECT_EQ(score, (std::vector<float>{0, 0}));
  push(history, 1, {{1, 0.0F}, {2, 0.0F}});
  EXPECT_FALSE(history.scores(keys, score));
  push(history, 2, {{2, 0.5F}});
  EXPECT_TRUE(history.scores(keys, score));
  history.clear();
  EXPECT_FALSE(history.scores(keys, score));
  EXPECT_EQ(history.size(), 0);
  EXPECT_TRUE(push(history, 1, {{1, 1.0F}})) << "a new episode counts from the beginning";
  EXPECT_EQ(scores(history, keys), (std::vector<float>{1, 0}));
}

TEST(AttentionHistory, ForgetsKeysThatStayAway) {
  AttentionHistory history({.window = 1, .absent_decay = 1, .forget_after = 3});
  push(history, 0, {{1, 1.0F}});
  for (std::int64_t tick = 1; tick <= 3; ++tick) {
    push(history, tick, {{2, 1.0F}});
    EXPECT_EQ(scores(history, {1})[0], 1.0F) << tick;
  }
  push(history, 4, {{2, 1.0F}});
  EXPECT_EQ(scores(history, {1})[0], 0.0F);
}

TEST(AttentionHistory, KeysMayBeInAnyOrder) {
  AttentionHistory history({});
  history.push(1, std::vector<std::int64_t>{5, -3, 5, 9}, std::vector<float>{1, 2, 4, 3});
  EXPECT_EQ(scores(history, {9, -3, 5, 5, 4, -3}), (std::vector<float>{3, 2, 4, 4, 0, 2}));
}

/// The definition, written out over everything that was ever taken.
struct Oracle {
  AttentionHistoryOptions options;
  std::map<std::int64_t, Sent> taken;

  bool push(std::int64_t tick, const Sent& sent) {
    if (std::distance(taken.upper_bound(tick), taken.end()) >= options.window) return false;
    return taken.emplace(tick, sent).second;
  }

  [[nodiscard]] double score(std::int64_t key) const {
    const auto ticks = static_cast<std::int64_t>(taken.size());
    const auto in_window = std::min(options.window, ticks);
    double value = 0, score = 0, sum = 0;
    std::int64_t absent = 0, age = ticks;
    for (const auto& [number, sent] : taken) {
      if (const auto found = sent.find(key); found != sent.end()) {
        value = static_cast<double>(found->second);
        absent = 0;
      } else {
        value *= options.absent_decay;
        ++absent;
      }
      if (age > in_window) {
        if (absent >= options.forget_after) value = 0;
      } else {
        const std::int64_t power = options.reversed ? in_window + 1 - age : age;
        const double weight = std::pow(options.decay, static_cast<double>(power));
        score += weight * value;
        sum += weight;
      }
      --age;
    }
    return sum == 0 ? 0 : score / sum;
  }
};

TEST(AttentionHistory, AgreesWithTheDefinition) {
  test::Random random(911);
  std::int64_t refused = 0, late = 0;
  for (std::int64_t round = 0; round < test::cases(10'000); ++round) {
    const AttentionHistoryOptions options{
        .window = random.integer(1, 5),
        .decay = random.between(0.3, 1),
        .absent_decay = static_cast<double>(random.integer(0, 4)) / 4,
        .reversed = random.chance(0.3),
        .forget_after = random.integer(1, 6)};
    AttentionHistory history(options);
    Oracle oracle{options, {}};
    std::int64_t newest = 0;
    for (int step = 0; step < 20; ++step) {
      const std::int64_t tick = std::max<std::int64_t>(0, newest + random.integer(-4, 3));
      Sent sent;
      for (std::int64_t count = random.integer(0, 8); count > 0; --count)
        sent[random.integer(0, 12)] = static_cast<float>(random.integer(0, 3));
      const bool taken = push(history, tick, sent);
      ASSERT_EQ(taken, oracle.push(tick, sent)) << "round " << round << " step " << step;
      refused += !taken;
      late += taken && tick < newest;
      newest = std::max(newest, tick);
      ASSERT_EQ(history.size(), std::min<std::int64_t>(options.window, std::ssize(oracle.taken)));
      const std::vector<std::int64_t> keys{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 3};
      const auto score = scores(history, keys);
      for (std::size_t i = 0; i < keys.size(); ++i)
        ASSERT_NEAR(score[i], oracle.score(keys[i]), 1e-6)
            << "round " << round << " step " << step << " key " << keys[i];
    }
  }
  EXPECT_GT(refused, 0);
  EXPECT_GT(late, 0);
}

TEST(AttentionHistory, TheMeanOfWhatWasSentDoesNotDependOnHowMany) {
  AttentionHistory history({});
  EXPECT_EQ(history.mean_of_sent(), 0);
  push(history, 1, {{1, 0.25F}, {2, 0.75F}});
  EXPECT_DOUBLE_EQ(history.mean_of_sent(), 0.5);
  push(history, 2, {{3, 1.0F}});  // 1 and 2 are absent: they say nothing
  EXPECT_NEAR(history.mean_of_sent(), (0.8 * 1 + 0.64 * 0.5) / (0.8 + 0.64), 1e-12);
  history.clear();
  EXPECT_EQ(history.mean_of_sent(), 0);
}

TEST(AttentionHistory, RefusesWhatDoesNotFit) {
  EXPECT_THROW(AttentionHistory({.window = 0}), Error);
  EXPECT_THROW(AttentionHistory({.decay = 0}), Error);
  EXPECT_THROW(AttentionHistory({.decay = std::nan("")}), Error);
  EXPECT_THROW(AttentionHistory({.absent_decay = 1.5}), Error);
  EXPECT_THROW(AttentionHistory({.forget_after = 0}), Error);
  AttentionHistory history({});
  push(history, 1, {{1, 2.0F}});
  const std::vector<std::int64_t> keys{1, 2};
  for (const float bad : {-1.0F, std::nanf(""), std::numeric_limits<float>::infinity()})
    EXPECT_THROW(history.push(2, keys, std::vector<float>{1, bad}), Error);
  EXPECT_THROW(history.push(2, keys, std::vector<float>{1}), Error);
  EXPECT_EQ(scores(history, keys), (std::vector<float>{2, 0}));
  std::vector<float> one(1);
  EXPECT_THROW((void)history.scores(keys, one), Error);
}

}  // namespace
}  // namespace sluice::policy
