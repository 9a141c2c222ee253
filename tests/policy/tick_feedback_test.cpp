// What the model tells back, as the tick engine uses it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "policy/tick_engine.h"
#include "tests/support/tick_loop.h"

namespace sluice::policy {
namespace {

using namespace std::chrono_literals;
using test::attention_on_front;
using test::two_cameras;
using Loop = test::TickLoop;

TEST(TickFeedback, FeedbackSteersTheNextTick) {
  Loop loop(two_cameras(12));
  bool kept_all = false;
  for (std::int64_t tick = 0; tick < 60; ++tick) {
    loop.renew();
    ASSERT_EQ(loop.step(tick), TickStatus::ok);
    const auto feedback = test::feedback_on(loop.packet, attention_on_front);
    ASSERT_EQ(loop.engine.feedback(feedback), FeedbackFate::applied);
    // Once refreshing has come across them they stay.
    const bool now = loop.keeps(0, 3) && loop.keeps(0, 4) && loop.keeps(0, 5);
    EXPECT_TRUE(now || !kept_all) << tick;
    kept_all = kept_all || now;
  }
  EXPECT_TRUE(kept_all);
  EXPECT_GT(loop.packet.batches[0].size(), loop.packet.batches[1].size());
  EXPECT_GE(loop.packet.batches[1].size(), 1);  // the refresh share
}

TEST(TickFeedback, NothingIsLockedOut) {
  Loop loop(two_cameras(12));
  std::set<std::pair<std::size_t, std::int64_t>> sent;
  for (std::int64_t tick = 0; tick < 600; ++tick) {  // the wrist has about one token in each
    ASSERT_EQ(loop.step(tick), TickStatus::ok);
    for (std::size_t i = 0; i < 2; ++i)
      for (const auto key : loop.packet.batches[i].key) sent.insert({i, key});
    (void)loop.engine.feedback(test::feedback_on(loop.packet, attention_on_front));
  }
  EXPECT_EQ(sent.size(), 72);
}

/// A model that looks at everything alike must not make the source that has most get more.
TEST(TickFeedback, AttentionThatIsTheSameEverywhereSharesByRows) {
  Loop loop(two_cameras(24));
  std::vector<std::int32_t> most_of_the_front(20);
  std::iota(most_of_the_front.begin(), most_of_the_front.end(), 0);
  for (std::int64_t tick = 0; tick < 50; ++tick) {
    if (tick < 5) loop.sources[0].pinned = most_of_the_front;
    if (tick == 5) loop.sources[0].pinned = {};
    ASSERT_EQ(loop.step(tick), TickStatus::ok);
    const std::int64_t of_front = loop.packet.batches[0].size();
    if (tick < 5) {
      EXPECT_GE(of_front, 20) << tick;
    } else {
      EXPECT_EQ(of_front, 12) << tick;
    }
    auto feedback = test::feedback_on(loop.packet, [](auto&, auto) { return 1.0F / 24; });
    ASSERT_EQ(loop.engine.feedback(feedback), FeedbackFate::applied);
  }
}

TEST(TickFeedback, WhatCanNotBeAppliedChangesNothing) {
  const auto play = [](bool disturbed) {
    Loop loop(two_cameras(16));
    std::vector<std::vector<std::byte>> packets;
    std::vector<stream::Feedback> past;
    for (std::int64_t tick = 0; tick < 20; ++tick) {
      loop.renew();
      EXPECT_EQ(loop.step(tick), TickStatus::ok);
      packets.push_back(encode(loop.packet));
      const auto good = test::feedback_on(loop.packet, attention_on_front);
      const auto send = [&](auto&& change, FeedbackFate fate) {
        auto bad = test::feedback_on(loop.packet, [](auto&, auto key) { return float(key); });
        bad.model_latency_ms = 1;
        change(bad);
        EXPECT_EQ(loop.engine.feedback(bad), fate);
      };
      if (disturbed) {
        send([](auto& f) { f.stream = "another"; }, FeedbackFate::other_stream);
        send([](auto& f) { f.episode = 3; }, FeedbackFate::other_episode);
        send([](auto& f) { f.tick += 1; }, FeedbackFate::future);
        send([](auto& f) { f.sources[0].source = "nobody"; }, FeedbackFate::malformed);
        send([](auto& f) { f.sources[1] = f.sources[0]; }, FeedbackFate::malformed);
        send([](auto& f) { f.sources[1].semantic_attention.push_back(1); },
             FeedbackFate::malformed);
        send([](auto& f) { f.sources[0].action_attention[0] = NAN; }, FeedbackFate::malformed);
        send([](auto& f) { f.sources[0].action_attention[0] = -1; }, FeedbackFate::malformed);
        send([](auto& f) { f.model_latency_ms = INFINITY; }, FeedbackFate::malformed);
        send(
            [](auto& f) {
              f.action = kernels::Tensor(kernels::DType::f64, {1, 2});
            },
            FeedbackFate::malformed);
      }
      EXPECT_EQ(loop.engine.feedback(good), FeedbackFate::applied);
      past.push_back(test::feedback_on(loop.packet, attention_on_front));
      if (disturbed) {
        send([](auto&) {}, FeedbackFate::duplicate);
        const auto fate = loop.engine.feedback(past[0]);
        EXPECT_EQ(fate, tick >= 8 ? FeedbackFate::stale : FeedbackFate::duplicate);
      }
    }
    if (disturbed) {
      EXPECT_EQ(loop.engine.feedback_counts().of(FeedbackFate::malformed), 20 * 7);
      EXPECT_EQ(loop.engine.feedback_counts().of(FeedbackFate::applied), 20);
    }
    return packets;
  };
  EXPECT_TRUE(play(false) == play(true));
}

TEST(TickFeedback, TheOrderInWhichFeedbackArrivesDoesNotMatter) {
  const auto play = [](bool reversed) {
    Loop loop(two_cameras(16));
    std::vector<stream::Feedback> waiting;
    for (std::int64_t tick = 0; tick < 3; ++tick) {
      loop.renew();
      EXPECT_EQ(loop.step(tick), TickStatus::ok);
      waiting.push_back(test::feedback_on(loop.packet, [&](auto&, std::int64_t key) {
        return static_cast<float>((key * 7 + tick) % 13);
      }));
    }
    if (reversed) std::ranges::reverse(waiting);
    for (const auto& feedback : waiting)
      EXPECT_EQ(loop.engine.feedback(feedback), FeedbackFate::applied);
    loop.renew();
    EXPECT_EQ(loop.step(3), TickStatus::ok);
    return encode(loop.packet);
  };
  EXPECT_TRUE(play(false) == play(true));
}

TEST(TickFeedback, PublishedWarmUpSendsEverythingUntilTheHistoryIsFull) {
  auto options = two_cameras(10);
  options.published_warm_up = true;
  Loop loop(options);
  for (std::int64_t tick = 0; tick < 6; ++tick) {
    ASSERT_EQ(loop.step(tick), TickStatus::ok);
    EXPECT_EQ(loop.packet.kept, tick < 3 ? 72 : 10) << tick;
    EXPECT_EQ(loop.packet.budget, loop.packet.kept);
    (void)loop.engine.feedback(test::feedback_on(loop.packet, attention_on_front));
  }
  loop.engine.reset(1);
  ASSERT_EQ(loop.step(0), TickStatus::ok);
  EXPECT_EQ(loop.packet.kept, 72);
}

TEST(TickFeedback, LearnsHowManyTokensMeetTheDeadline) {
  auto options = two_cameras(72);
  options.budget.controller = "deadline";
  options.budget.least = 8;
  Loop loop(options);
  std::int64_t late = 0;
  for (std::int64_t tick = 0; tick < 200; ++tick) {
    ASSERT_EQ(loop.step(tick, 20ms), TickStatus::ok);
    auto feedback = test::feedback_on(loop.packet, attention_on_front);
    feedback.model_latency_ms =
        4 + 0.4 * static_cast<double>(loop.packet.kept) + 0.1 * loop.random.uniform();
    if (tick >= 100) late += *feedback.model_latency_ms > 20;
    (void)loop.engine.feedback(feedback);
  }
  EXPECT_LE(late, 5);
  EXPECT_GE(loop.packet.kept, 26);  // 40 would fit
  EXPECT_LE(loop.packet.kept, 40);
}

/// A model that becomes slow answers too late to be applied: that is when it must be sent less.
TEST(TickFeedback, LearnsFromAnswersThatAreTooLateToBeApplied) {
  auto options = two_cameras(72);
  options.budget.controller = "deadline";
  options.budget.least = 8;
  options.stale_after = 4;
  Loop loop(options);
  std::vector<stream::Feedback> answers;
  for (std::int64_t tick = 0; tick < 200; ++tick) {
    ASSERT_EQ(loop.step(tick, 20ms), TickStatus::ok);
    auto& feedback = answers.emplace_back(test::feedback_on(loop.packet, attention_on_front));
    const double per_token = tick < 60 ? 0.2 : 1.0;
    feedback.model_latency_ms =
        2 + per_token * static_cast<double>(loop.packet.kept) + 0.1 * loop.random.uniform();
    if (tick < 60) {
      ASSERT_EQ(loop.engine.feedback(answers.back()), FeedbackFate::applied);
    } else if (tick >= 70) {
      const auto& late = answers[static_cast<std::size_t>(tick - 10)];
      ASSERT_EQ(loop.engine.feedback(late), FeedbackFate::stale);
    }
    if (tick == 58) {
      EXPECT_GT(loop.packet.kept, 40);
    }
  }
  EXPECT_LE(loop.packet.kept, 20);  // 18 would fit
}

TEST(TickFeedback, FastMotionNeedsFewerTokens) {
  auto options = two_cameras(40);
  options.budget.controller = "motion";
  Loop loop(options);
  for (std::int64_t tick = 0; tick < 30; ++tick) {
    ASSERT_EQ(loop.step(tick), TickStatus::ok);
    EXPECT_EQ(loop.packet.kept < 40, tick >= 2) << tick;
    auto feedback = test::feedback_on(loop.packet, attention_on_front);
    feedback.action.reshape(kernels::DType::f32, {1, 1});
    feedback.action.as<float>()[0] = 0.05F * static_cast<float>(tick);  // 0.5 per second
    (void)loop.engine.feedback(feedback);
  }
  EXPECT_EQ(loop.packet.kept, 28);  // half-way from 40 to 16
}

}  // namespace
}  // namespace sluice::policy
