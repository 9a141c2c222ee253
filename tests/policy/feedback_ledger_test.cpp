#include "policy/feedback_ledger.h"

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <set>
#include <vector>

#include "kernels/error.h"
#include "tests/support/allocation_counter.h"
#include "tests/support/random_clip.h"

namespace sluice::policy {
namespace {

using Fate = FeedbackFate;
using Keys = std::vector<std::int64_t>;

Keys keys(const FeedbackLedger& ledger, std::int64_t tick, std::size_t source) {
  const auto span = ledger.keys(tick, source);
  return {span.begin(), span.end()};
}

TEST(FeedbackLedger, RemembersWhatWasSent) {
  FeedbackLedger ledger(3);
  ledger.reserve(2, 4);
  ASSERT_TRUE(ledger.sent(10, 0, 3));
  ledger.sent_keys(0, Keys{7, 5});
  ledger.sent_keys(1, Keys{9});
  ASSERT_TRUE(ledger.sent(11, 0, 1));
  ledger.sent_keys(1, Keys{4});
  EXPECT_EQ(keys(ledger, 10, 0), (Keys{7, 5})) << "in the order in which they were sent";
  EXPECT_EQ(keys(ledger, 10, 1), (Keys{9}));
  EXPECT_EQ(keys(ledger, 11, 0), (Keys{}));
  EXPECT_EQ(keys(ledger, 11, 1), (Keys{4}));
  EXPECT_EQ(keys(ledger, 11, 2), (Keys{}));
  EXPECT_EQ(ledger.tokens(10), 3);
  EXPECT_EQ(ledger.tokens(12), 0);
  ASSERT_TRUE(ledger.sent(13, 0, 0));
  EXPECT_EQ(keys(ledger, 10, 0), (Keys{})) << "three ticks ago";
  EXPECT_EQ(ledger.tokens(11), 1);
  ASSERT_TRUE(ledger.sent(14, 0, 0));
  for (const std::size_t source : {0u, 1u})
    EXPECT_EQ(keys(ledger, 14, source), (Keys{})) << "nothing is left of tick 10";
}

TEST(FeedbackLedger, LateTwiceOutOfOrderUnknownFuture) {
  FeedbackLedger ledger(4);
  EXPECT_EQ(ledger.judge(0, 0), Fate::future) << "nothing was sent";
  for (const std::int64_t tick : {10, 11, 13, 14}) ASSERT_TRUE(ledger.sent(tick, 0, 5));
  EXPECT_EQ(ledger.judge(13, 0), Fate::applied);
  EXPECT_EQ(ledger.judge(11, 0), Fate::applied) << "out of order";
  EXPECT_EQ(ledger.judge(13, 0), Fate::duplicate);
  EXPECT_EQ(ledger.judge(12, 0), Fate::unknown_tick);
  EXPECT_EQ(ledger.judge(10, 0), Fate::stale);
  EXPECT_EQ(ledger.judge(15, 0), Fate::future);
  EXPECT_EQ(ledger.judge(14, 1), Fate::other_episode);
  EXPECT_EQ(ledger.judge(14, -1), Fate::other_episode);
  EXPECT_EQ(ledger.judge(14, 0), Fate::applied) << "other episodes' answers don't count";
  EXPECT_EQ(ledger.judge(std::numeric_limits<std::int64_t>::min(), 0), Fate::stale);
  EXPECT_EQ(ledger.judge(std::numeric_limits<std::int64_t>::max(), 0), Fate::future);
  ledger.count(Fate::other_stream);
  ledger.count(Fate::malformed);
  const auto& counts = ledger.counts();
  EXPECT_EQ(counts.of(Fate::applied), 3);
  EXPECT_EQ(counts.of(Fate::stale), 2);
  EXPECT_EQ(counts.of(Fate::duplicate), 1);
  EXPECT_EQ(counts.of(Fate::other_episode), 2);
  EXPECT_EQ(counts.of(Fate::unknown_tick), 1);
  EXPECT_EQ(counts.of(Fate::future), 3);
  EXPECT_EQ(counts.of(Fate::malformed), 1);
  EXPECT_EQ(counts.of(Fate::other_stream), 1);
  EXPECT_EQ(counts.unanswered, 1) << "tick 10";
}

TEST(FeedbackLedger, ALimitOfOneTakesTheLastTickAlone) {
  FeedbackLedger ledger(1);
  ASSERT_TRUE(ledger.sent(1, 0, 5));
  EXPECT_EQ(ledger.judge(1, 0), Fate::applied);
  ASSERT_TRUE(ledger.sent(2, 0, 5));
  EXPECT_EQ(ledger.judge(1, 0), Fate::stale);
  EXPECT_EQ(ledger.judge(2, 0), Fate::applied);
  EXPECT_EQ(ledger.counts().unanswered, 0);
}

TEST(FeedbackLedger, ARejectedAnswerMayComeAgain) {
  FeedbackLedger ledger(4);
  ASSERT_TRUE(ledger.sent(1, 0, 5));
  ASSERT_EQ(ledger.judge(1, 0), Fate::applied);
  ledger.reject(1);
  EXPECT_EQ(ledger.counts().of(Fate::applied), 0);
  EXPECT_EQ(ledger.counts().of(Fate::malformed), 1);
  EXPECT_EQ(ledger.judge(1, 0), Fate::applied);
  EXPECT_EQ(ledger.judge(1, 0), Fate::duplicate);
}

TEST(FeedbackLedger, TicksGrowWithinAnEpisode) {
  FeedbackLedger ledger(4);
  ASSERT_TRUE(ledger.sent(5, 0, 5));
  ledger.sent_keys(0, Keys{1});
  EXPECT_FALSE(ledger.sent(5, 0, 6));
  EXPECT_FALSE(ledger.sent(4, 0, 6));
  EXPECT_EQ(ledger.tokens(5), 5);
  EXPECT_EQ(keys(ledger, 5, 0), (Keys{1}));
  EXPECT_TRUE(ledger.sent(std::numeric_limits<std::int64_t>::max(), 0, 6));
  EXPECT_EQ(ledger.tokens(5), 0);
}

TEST(FeedbackLedger, ANewEpisodeForgetsWhatIsOut) {
  FeedbackLedger ledger(4);
  for (const std::int64_t tick : {1, 2, 3}) ASSERT_TRUE(ledger.sent(tick, 0, 5));
  ASSERT_EQ(ledger.judge(2, 0), Fate::applied);
  ledger.reset(1);
  EXPECT_EQ(ledger.counts().unanswered, 2);
  EXPECT_EQ(ledger.tokens(3), 0);
  EXPECT_EQ(ledger.judge(3, 0), Fate::other_episode);
  EXPECT_EQ(ledger.judge(3, 1), Fate::future);
  ASSERT_TRUE(ledger.sent(1, 1, 5)) << "ticks begin again";
  EXPECT_EQ(ledger.judge(1, 1), Fate::applied);
  ASSERT_TRUE(ledger.sent(1, 2, 5)) << "an episode may begin with its first packet";
  EXPECT_EQ(ledger.judge(1, 1), Fate::other_episode);
  EXPECT_EQ(ledger.judge(1, 2), Fate::applied);
}

TEST(FeedbackLedger, RefusesALimitBelowOne) {
  EXPECT_THROW(FeedbackLedger(0), Error);
  EXPECT_THROW(FeedbackLedger(-1), Error);
}

/// Remembers everything, and judges by looking back over all of it.
struct NaiveLedger {
  std::int64_t limit, episode = 0;
  std::map<std::int64_t, Keys> packets;  // of this episode
  std::set<std::int64_t> answered;
  FeedbackCounts counts;
  std::int64_t sent = 0, ended_unanswered = 0;

  Fate judge(std::int64_t tick, std::int64_t of) {
    const auto fate = [&] {
      if (of != episode) return Fate::other_episode;
      if (packets.empty() || tick > packets.rbegin()->first) return Fate::future;
      if (packets.rbegin()->first - tick >= limit) return Fate::stale;
      if (packets.count(tick) == 0) return Fate::unknown_tick;
      return answered.insert(tick).second ? Fate::applied : Fate::duplicate;
    }();
    ++counts.by_fate[static_cast<std::size_t>(fate)];
    return fate;
  }
  std::int64_t unanswered() const {
    std::int64_t count = ended_unanswered;
    for (const auto& [tick, keys] : packets)
      if (packets.rbegin()->first - tick >= limit && answered.count(tick) == 0) ++count;
    return count;
  }
  void reset(std::int64_t next) {
    ended_unanswered += static_cast<std::int64_t>(packets.size() - answered.size());
    packets.clear();
    answered.clear();
    episode = next;
  }
};

TEST(FeedbackLedger, AgreesWithOneThatForgetsNothing) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    test::Random random(seed);
    const auto limit = random.integer(1, 12);
    FeedbackLedger ledger(limit);
    NaiveLedger naive{.limit = limit, .packets = {}, .answered = {}, .counts = {}};
    std::int64_t tick = random.integer(-5, 5);
    for (int step = 0; step < 1000; ++step) {
      if (random.chance(0.01)) {
        naive.reset(naive.episode + 1);
        ledger.reset(naive.episode);
        tick = random.integer(-5, 5);
      }
      if (random.chance(0.5)) {
        tick += random.chance(0.9) ? 1 : random.integer(1, 2 * limit);
        const Keys sent(static_cast<std::size_t>(random.integer(0, 5)), 100 + tick);
        ASSERT_TRUE(ledger.sent(tick, naive.episode, static_cast<std::int64_t>(sent.size())));
        ledger.sent_keys(0, sent);
        naive.packets[tick] = sent;
      }
      const auto about = tick - random.integer(-2, limit + 2);
      const auto episode = naive.episode - (random.chance(0.1) ? 1 : 0);
      const auto fate = naive.judge(about, episode);
      ASSERT_EQ(ledger.judge(about, episode), fate);
      if (fate == Fate::applied) {
        ASSERT_EQ(keys(ledger, about, 0), naive.packets[about]);
        if (random.chance(0.2)) {
          ledger.reject(about);
          naive.answered.erase(about);
          --naive.counts.by_fate[static_cast<std::size_t>(Fate::applied)];
          ++naive.counts.by_fate[static_cast<std::size_t>(Fate::malformed)];
        }
      }
      for (std::size_t i = 0; i < feedback_fates; ++i)
        ASSERT_EQ(ledger.counts().by_fate[i], naive.counts.by_fate[i]) << "fate " << i;
      ASSERT_EQ(ledger.counts().unanswered, naive.unanswered());
    }
  }
}

TEST(FeedbackLedger, AllocatesNothingOnceReserved) {
  if (!test::counts_allocations()) GTEST_SKIP() << "a sanitizer counts them in its own way";
  test::Random random(5);
  FeedbackLedger ledger(8);
  ledger.reserve(3, 256);
  const Keys sent(256, 1);
  const auto before = test::allocations();
  std::int64_t applied = 0;
  for (std::int64_t tick = 0; tick < 1000; ++tick) {
    ASSERT_TRUE(ledger.sent(tick, tick / 500, 768));
    for (std::size_t source = 0; source < 3; ++source)
      ledger.sent_keys(source,
                       std::span(sent).first(static_cast<std::size_t>(random.integer(0, 256))));
    const auto about = tick - random.integer(-1, 9);
    if (ledger.judge(about, tick / 500) != Fate::applied) continue;
    ++applied;
    if (ledger.keys(about, 2).size() % 5 == 0) ledger.reject(about);
  }
  EXPECT_EQ(test::allocations(), before);
  EXPECT_GT(applied, 100);
}

}  // namespace
}  // namespace sluice::policy
