#include "policy/tick_engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/error.h"
#include "stream/packet_check.h"
#include "tests/support/tick_loop.h"

namespace sluice::policy {
namespace {

using stream::KeepReason;

using test::attention_on_front;
using test::two_cameras;
using Loop = test::TickLoop;

constexpr std::int64_t width = test::loop_width;

TEST(TickEngine, KeepsRowsWithTheirOrigin) {
  Loop loop(two_cameras(20));
  loop.front = test::camera_tokens(loop.random, "front", 6, 6, width, 7, kernels::DType::bf16);
  ASSERT_EQ(loop.step(4), TickStatus::ok) << loop.engine.problem();
  EXPECT_EQ(loop.packet.tick, 4);
  EXPECT_EQ(loop.packet.episode, 0);
  EXPECT_EQ(loop.packet.kept, 20);
  EXPECT_EQ(loop.packet.available, 72);
  const auto& batch = loop.packet.batches[0];
  ASSERT_GT(batch.size(), 0);
  EXPECT_EQ(batch.features.dtype(), kernels::DType::bf16);
  EXPECT_EQ(batch.source.grid_rows, 6);
  for (std::size_t i = 0; i < batch.key.size(); ++i) {
    const auto row = static_cast<std::size_t>(batch.key[i]);
    EXPECT_EQ(std::memcmp(batch.features.view().row(static_cast<std::int64_t>(i)),
                          loop.front.features.view().row(batch.key[i]), width * 2),
              0);
    EXPECT_EQ(batch.position[i], loop.front.position[row]);
    EXPECT_EQ(batch.weight[i], loop.front.weight[row]);
    EXPECT_EQ(batch.frame[i], 7);
    EXPECT_EQ(batch.pts_last[i], loop.front.pts_last[row]);
  }
  EXPECT_EQ(batch.score.size(), batch.key.size());
  const auto decoded = stream::decode_packet(encode(loop.packet), "test");
  EXPECT_EQ(decoded.tick, 4);
  EXPECT_TRUE(stream::PacketCheck().check(decoded).empty());
}

TEST(TickEngine, PrunesByFeaturesAloneAsLongAsThereIsNothingElse) {
  Loop loop(two_cameras(4));
  auto values = loop.front.features.as<float>();  // all alike, but for token 17
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = values[i % width];
  for (std::size_t d = 0; d < width; ++d) values[17 * width + d] *= d % 2 == 0 ? -1.0F : 2.0F;
  loop.sources[1].tokens = nullptr;
  ASSERT_EQ(loop.step(0), TickStatus::ok);
  EXPECT_TRUE(loop.keeps(0, 17));
  EXPECT_EQ(loop.packet.batches[0].reason[0], static_cast<std::uint8_t>(KeepReason::saliency));
}

TEST(TickEngine, TheCallersScoresComeFirst) {
  auto options = two_cameras(2);
  options.selector = "semantic";
  options.refresh_share = 0;
  Loop loop(options);
  loop.sources[1].tokens = nullptr;
  ASSERT_EQ(loop.step(0), TickStatus::ok);
  (void)loop.engine.feedback(test::feedback_on(loop.packet, attention_on_front));
  std::vector<float> scores(36, 0.0F);
  scores[30] = 2;
  scores[31] = 1;
  loop.sources[0].semantic = scores;
  ASSERT_EQ(loop.step(1), TickStatus::ok);
  EXPECT_EQ(loop.packet.batches[0].key, (std::vector<std::int64_t>{30, 31}));
  EXPECT_EQ(loop.packet.batches[0].score, (std::vector<float>{2, 1}));
  EXPECT_EQ(loop.packet.batches[0].reason[0], static_cast<std::uint8_t>(KeepReason::attention));
}

TEST(TickEngine, SameInputSamePacketOnAnyNumberOfThreadsAndInAnyBuffer) {
  const auto play = [](int threads, std::size_t buffers) {
    Loop loop(two_cameras(18), threads, 77);
    std::vector<stream::Packet> packets(buffers);
    std::vector<std::vector<std::byte>> encoded;
    for (std::int64_t tick = 0; tick < 30; ++tick) {
      loop.renew();
      if (tick % 4 == 1) loop.sources[1].tokens = nullptr;
      std::swap(loop.packet, packets[static_cast<std::size_t>(tick) % buffers]);
      EXPECT_EQ(loop.step(tick), TickStatus::ok);
      encoded.push_back(encode(loop.packet));
      if (tick % 3 != 0)
        (void)loop.engine.feedback(test::feedback_on(loop.packet, attention_on_front));
      if (tick == 20) loop.engine.reset(5);
    }
    return encoded;
  };
  const auto expected = play(1, 1);
  EXPECT_TRUE(play(3, 1) == expected);
  EXPECT_TRUE(play(1, 3) == expected);
}

TEST(TickEngine, ASourceWithoutNewTokensSendsNothing) {
  Loop loop(two_cameras(20));
  ASSERT_EQ(loop.step(0), TickStatus::ok);
  loop.sources[0].tokens = nullptr;
  ASSERT_EQ(loop.step(1), TickStatus::ok);
  EXPECT_EQ(loop.packet.batches[0].size(), 0);
  EXPECT_EQ(loop.packet.batches[1].size(), 20);
  loop.sources[1].tokens = nullptr;
  ASSERT_EQ(loop.step(2), TickStatus::no_tokens);
  EXPECT_EQ(loop.packet.kept, 0);
  EXPECT_EQ(stream::decode_packet(encode(loop.packet), "test").batches.size(), 2);
  EXPECT_EQ(loop.engine.feedback(test::feedback_on(loop.packet, attention_on_front)),
            FeedbackFate::applied);
}

TEST(TickEngine, GoesOnAfterABadTickAsIfItHadNotBeen) {
  const auto play = [](bool disturbed) {
    Loop loop(two_cameras(16));
    std::vector<std::vector<std::int64_t>> keys;
    for (std::int64_t tick = 0; tick < 12; ++tick) {
      loop.renew();
      if (disturbed && tick % 3 == 2) {
        const auto refused = [&](TickStatus status) {
          EXPECT_EQ(loop.step(tick), status);
          EXPECT_FALSE(loop.engine.problem().empty());
          EXPECT_EQ(loop.packet.kept, 0);
          EXPECT_EQ(loop.packet.batches[1].size(), 0);
        };
        const std::vector<float> scores(5);
        const std::vector<std::int32_t> twice{3, 3};
        const std::vector<std::int32_t> many{1,  2,  3,  4,  5,  6,  7,  8, 9,
                                             10, 11, 12, 13, 14, 15, 16, 17};
        loop.sources[1].semantic = scores;
        refused(TickStatus::bad_input);
        loop.sources[1] = {.tokens = &loop.wrist, .pinned = twice};
        refused(TickStatus::bad_input);
        loop.sources[1] = {.tokens = &loop.wrist, .pinned = many};
        refused(TickStatus::over_budget);
        loop.sources[1] = {.tokens = &loop.front};
        refused(TickStatus::bad_input);
        loop.sources[1] = {.tokens = &loop.wrist};
        loop.wrist.weight.pop_back();
        refused(TickStatus::bad_input);
        loop.wrist.weight.push_back(1);
        EXPECT_EQ(loop.step(tick - 1), TickStatus::old_tick);
      }
      EXPECT_EQ(loop.step(tick), TickStatus::ok) << loop.engine.problem();
      EXPECT_TRUE(loop.engine.problem().empty());
      for (const auto& batch : loop.packet.batches) keys.push_back(batch.key);
      (void)loop.engine.feedback(test::feedback_on(loop.packet, attention_on_front));
    }
    EXPECT_EQ(loop.packet.sequence, 11);
    EXPECT_EQ(loop.packet.totals.skipped_input, disturbed ? 4 * 6 : 0);
    return keys;
  };
  EXPECT_TRUE(play(false) == play(true));
}

TEST(TickEngine, BrokenTokensAreKeptLastAndCounted) {
  Loop loop(two_cameras(70));
  for (const std::size_t row : {4U, 9U, 21U})
    loop.front.features.as<float>()[row * width + 2] = row == 9 ? INFINITY : NAN;
  ASSERT_EQ(loop.step(0), TickStatus::ok);
  EXPECT_EQ(loop.packet.totals.non_finite, 3);
  EXPECT_EQ(loop.packet.kept, 70);
  EXPECT_EQ(loop.keeps(0, 4) + loop.keeps(0, 9) + loop.keeps(0, 21),
            loop.packet.batches[0].size() - 33);
}

TEST(TickEngine, ANewEpisodeRemembersNothing) {
  Loop fresh(two_cameras(10)), used(two_cameras(10));
  for (std::int64_t tick = 0; tick < 5; ++tick) {
    ASSERT_EQ(used.step(tick), TickStatus::ok);
    (void)used.engine.feedback(test::feedback_on(used.packet, attention_on_front));
  }
  const auto late = test::feedback_on(used.packet, attention_on_front);
  used.engine.reset(9);
  EXPECT_EQ(used.engine.feedback(late), FeedbackFate::other_episode);
  for (std::int64_t tick = 0; tick < 3; ++tick) {
    ASSERT_EQ(fresh.step(tick), TickStatus::ok);
    ASSERT_EQ(used.step(tick), TickStatus::ok);
    EXPECT_EQ(used.packet.episode, 9);
    for (std::size_t i = 0; i < 2; ++i)
      EXPECT_EQ(used.packet.batches[i].key, fresh.packet.batches[i].key);
  }
  EXPECT_EQ(used.packet.sequence, 7);
}

TEST(TickEngine, RefusesOptionsThatCanNotWork) {
  kernels::Resources resources(1);
  const auto refused = [&](auto&& change) {
    auto options = two_cameras(20);
    change(options);
    EXPECT_THROW(TickEngine(resources, options), Error);
  };
  refused([](auto& o) { o.sources.clear(); });
  refused([](auto& o) { o.stream.clear(); });
  refused([](auto& o) { o.sources[1].id = o.sources[0].id; });
  refused([](auto& o) { o.sources[0].id = "a/b"; });
  refused([](auto& o) { o.sources[0].floor = -1; });
  refused([](auto& o) { o.sources[0].cap = -1; });
  refused([](auto& o) { o.sources[0].max_rows = 0; });
  refused([](auto& o) { o.sources[0].max_width = 0; });
  refused([](auto& o) { o.sources[0].information = NAN; });
  refused([](auto& o) { o.sources[0].floor = 21; });
  refused([](auto& o) { o.budget.controller = "deadline", o.sources[0].floor = 17; });
  refused([](auto& o) { o.refresh_share = 1.5; });
  refused([](auto& o) { o.stale_after = 0; });
  refused([](auto& o) { o.selector = "best"; });
  refused([](auto& o) { o.budget.controller = "none"; });
  refused([](auto& o) { o.action_history.window = 0; });
}

}  // namespace
}  // namespace sluice::policy
