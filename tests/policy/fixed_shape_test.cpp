// Packets that always have the same number of rows.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <set>

#include "kernels/error.h"
#include "policy/tick_engine.h"
#include "stream/fixed_shape.h"
#include "stream/packet_check.h"
#include "tests/support/tick_loop.h"

namespace sluice::policy {
namespace {

using test::attention_on_front;
using Loop = test::TickLoop;

TickEngineOptions two_shapes(FixedShape fixed, std::int64_t tokens = 20) {
  auto options = test::two_cameras(tokens);
  options.fixed_shape = fixed;
  options.sources[0].shape = 16;
  options.sources[1].shape = 12;
  return options;
}

bool is_zero(const stream::TokenBatch& batch, std::int64_t row) {
  bool zero = true;
  const auto bytes =
      static_cast<std::size_t>(batch.features.size(1)) * kernels::item_size(batch.features.dtype());
  const auto* feature = batch.features.view().row(row);
  zero = zero && std::all_of(feature, feature + bytes, [](auto b) { return b == std::byte{0}; });
  stream::for_each_column(batch, [&](const char*, const auto& values, std::int64_t per_row) {
    if (values.empty()) return;
    const auto begin = values.begin() + row * per_row;
    zero = zero && std::all_of(begin, begin + per_row, [](auto v) { return v == 0; });
  });
  return zero;
}

std::set<std::string> columns_of(const stream::TokenBatch& batch) {
  std::set<std::string> names;
  stream::for_each_column(batch, [&](const char* name, const auto& values, int) {
    if (!values.empty()) names.insert(name);
  });
  return names;
}

TEST(FixedShape, PadsWithZerosAndSaysSo) {
  Loop loop(two_shapes(FixedShape::pad));
  ASSERT_EQ(loop.step(0), TickStatus::ok) << loop.engine.problem();
  EXPECT_EQ(loop.packet.kept, 20);
  std::int64_t chosen = 0;
  for (std::size_t i = 0; i < 2; ++i) {
    const auto& batch = loop.packet.batches[i];
    const std::int64_t n = stream::chosen_rows(batch);
    ASSERT_EQ(batch.size(), i == 0 ? 16 : 12);
    ASSERT_EQ(std::ssize(batch.valid), batch.size());
    EXPECT_TRUE(batch.held.empty());
    for (std::int64_t row = 0; row < batch.size(); ++row)
      EXPECT_EQ(is_zero(batch, row), row >= n) << row;
    chosen += n;
  }
  EXPECT_EQ(chosen, 20);
}

/// The choice is the one without a fixed shape, where that caps nothing.
TEST(FixedShape, ChoosesWhatWouldBeChosenWithoutIt) {
  for (const auto fixed : {FixedShape::pad, FixedShape::hold}) {
    auto options = test::two_cameras(20);
    Loop free(options);
    options.fixed_shape = fixed;
    options.sources[0].shape = options.sources[1].shape = 40;
    Loop shaped(options);
    for (std::int64_t tick = 0; tick < 20; ++tick) {
      ASSERT_EQ(free.step(tick), TickStatus::ok);
      ASSERT_EQ(shaped.step(tick), TickStatus::ok);
      EXPECT_EQ(shaped.packet.kept, free.packet.kept);
      for (std::size_t i = 0; i < 2; ++i) {
        auto keys = shaped.packet.batches[i].key;
        keys.resize(free.packet.batches[i].key.size());
        EXPECT_EQ(keys, free.packet.batches[i].key);
      }
      if (fixed == FixedShape::pad) {  // what is held is looked at, too
        (void)free.engine.feedback(test::feedback_on(free.packet, attention_on_front));
        (void)shaped.engine.feedback(test::feedback_on(shaped.packet, attention_on_front));
      }
      free.renew();
      shaped.renew();
    }
  }
}

TEST(FixedShape, TheShapeCapsWhatASourceGets) {
  auto options = two_shapes(FixedShape::pad, 60);
  options.sources[1].cap = 10;
  Loop loop(options);
  ASSERT_EQ(loop.step(0), TickStatus::ok);
  EXPECT_EQ(loop.packet.available, 26);
  EXPECT_EQ(loop.packet.kept, 26);
  EXPECT_EQ(loop.packet.batches[1].size(), 12) << "10 tokens and padding";
  EXPECT_EQ(stream::chosen_rows(loop.packet.batches[1]), 10);
}

TEST(FixedShape, DefaultsToTheCapAndThenToAllThatMayBeOffered) {
  auto options = test::two_cameras(20);
  options.fixed_shape = FixedShape::pad;
  options.sources[0].cap = 9;
  Loop loop(options);
  ASSERT_EQ(loop.step(0), TickStatus::ok);
  EXPECT_EQ(loop.packet.batches[0].size(), 9);
  EXPECT_EQ(loop.packet.batches[1].size(), 64);
}

TEST(FixedShape, BeforeTheFirstTokenABatchIsPaddingOfUnknownWidth) {
  Loop loop(two_shapes(FixedShape::hold));
  loop.sources[0].tokens = loop.sources[1].tokens = nullptr;
  ASSERT_EQ(loop.step(0), TickStatus::no_tokens);
  for (const auto& batch : loop.packet.batches) {
    EXPECT_EQ(batch.features.dtype(), kernels::DType::f32);
    EXPECT_EQ(batch.features.size(1), 0);
    EXPECT_EQ(stream::valid_rows(batch), 0);
    EXPECT_EQ(columns_of(batch),
              (std::set<std::string>{"key", "score", "reason", "valid", "held"}));
  }
  EXPECT_EQ(loop.packet.batches[0].size(), 16);
  const auto blob = encode(loop.packet);
  EXPECT_EQ(encode(stream::decode_packet(blob, "test")), blob);
}

TEST(FixedShape, ASourceWithoutNewTokensKeepsItsShape) {
  for (const auto fixed : {FixedShape::pad, FixedShape::hold}) {
    Loop loop(two_shapes(fixed));
    loop.front =
        test::camera_tokens(loop.random, "front", 6, 6, test::loop_width, 3, kernels::DType::bf16);
    ASSERT_EQ(loop.step(0), TickStatus::ok);
    const auto& batch = loop.packet.batches[0];
    const auto columns = columns_of(batch);
    const auto keys = batch.key;
    const std::int64_t sent = stream::chosen_rows(batch);
    loop.sources[0].tokens = nullptr;
    ASSERT_EQ(loop.step(1), TickStatus::ok);
    EXPECT_EQ(batch.features.shape(), (kernels::Shape{16, test::loop_width}));
    EXPECT_EQ(batch.features.dtype(), kernels::DType::bf16);
    EXPECT_EQ(columns_of(batch), columns);
    EXPECT_EQ(stream::chosen_rows(batch), 0);
    EXPECT_EQ(stream::valid_rows(batch), fixed == FixedShape::hold ? sent : 0);
    if (fixed == FixedShape::hold) {
      EXPECT_TRUE(std::equal(keys.begin(), keys.begin() + sent, batch.key.begin()));
    }
    EXPECT_EQ(loop.packet.kept, stream::chosen_rows(loop.packet.batches[1]));
  }
}

TEST(FixedShape, HeldRowsAreAsTheyWereSent) {
  auto options = two_shapes(FixedShape::hold, 4);
  options.refresh_share = 1;  // always others
  Loop loop(options);
  std::map<std::int64_t, std::vector<std::byte>> sent;
  std::map<std::int64_t, std::int32_t> frame;
  for (std::int32_t tick = 0; tick < 12; ++tick) {
    loop.front = test::camera_tokens(loop.random, "front", 6, 6, test::loop_width, tick);
    ASSERT_EQ(loop.step(tick), TickStatus::ok);
    const auto& batch = loop.packet.batches[0];
    for (std::int64_t row = 0; row < stream::valid_rows(batch); ++row) {
      const auto i = static_cast<std::size_t>(row);
      const auto* feature = batch.features.view().row(row);
      const std::vector<std::byte> now(feature, feature + test::loop_width * sizeof(float));
      if (batch.held[i] == 0) {
        EXPECT_EQ(batch.frame[i], tick);
        sent[batch.key[i]] = now;
        frame[batch.key[i]] = tick;
      } else {
        EXPECT_EQ(sent[batch.key[i]], now);
        EXPECT_EQ(batch.frame[i], frame[batch.key[i]]);
        EXPECT_LT(batch.frame[i], tick);
        EXPECT_EQ(batch.position[i], batch.key[i]);
      }
    }
  }
  EXPECT_EQ(stream::valid_rows(loop.packet.batches[0]), 16);
}

TEST(FixedShape, ANewEpisodeHoldsNothing) {
  Loop loop(two_shapes(FixedShape::hold, 8));
  for (std::int64_t tick = 0; tick < 6; ++tick) ASSERT_EQ(loop.step(tick), TickStatus::ok);
  EXPECT_GT(stream::valid_rows(loop.packet.batches[0]) + stream::valid_rows(loop.packet.batches[1]),
            8);
  loop.engine.reset(1);
  ASSERT_EQ(loop.step(0), TickStatus::ok);
  EXPECT_EQ(stream::valid_rows(loop.packet.batches[0]) + stream::valid_rows(loop.packet.batches[1]),
            8);
}

TEST(FixedShape, ABadTickIsNotRemembered) {
  const auto play = [](bool disturbed) {
    Loop loop(two_shapes(FixedShape::hold, 6));
    std::vector<std::vector<std::byte>> packets;
    for (std::int64_t tick = 0; tick < 9; ++tick) {
      if (tick % 3 == 2) loop.sources[0].tokens = nullptr;
      if (disturbed) {
        auto other = test::camera_tokens(loop.random, "front", 3, 3, 5);
        const auto wrist = std::exchange(loop.sources[1].tokens, &loop.front);  // another's
        const auto front = std::exchange(loop.sources[0].tokens, &other);
        EXPECT_EQ(loop.step(tick), TickStatus::bad_input);
        loop.sources[0].tokens = front;
        loop.sources[1].tokens = wrist;
      }
      EXPECT_EQ(loop.step(tick), TickStatus::ok) << loop.engine.problem();
      loop.packet.totals.skipped_input = 0;
      packets.push_back(encode(loop.packet));
      loop.random = test::Random(static_cast<std::uint64_t>(tick));
      loop.renew();
    }
    return packets;
  };
  EXPECT_TRUE(play(false) == play(true));
}

TEST(FixedShape, FeedbackIsOnAllRows) {
  Loop loop(two_shapes(FixedShape::pad, 6));
  ASSERT_EQ(loop.step(0), TickStatus::ok);
  auto feedback = test::feedback_on(loop.packet, [](auto&, auto) { return 0.1F; });
  auto shorter = test::feedback_on(loop.packet, [](auto&, auto) { return 0.1F; });
  const std::int64_t chosen = stream::chosen_rows(loop.packet.batches[0]);
  shorter.sources[0].action_attention.resize(static_cast<std::size_t>(chosen));
  EXPECT_EQ(loop.engine.feedback(shorter), FeedbackFate::malformed);
  // Key 0 is in the padding; the model may say what it likes about that.
  for (std::size_t i = static_cast<std::size_t>(chosen); i < 16; ++i)
    feedback.sources[0].action_attention[i] = 1e6F;
  EXPECT_EQ(loop.engine.feedback(feedback), FeedbackFate::applied);
  ASSERT_EQ(loop.step(1), TickStatus::ok);
  const auto scores = loop.engine.action_scores(0);
  EXPECT_LT(*std::ranges::max_element(scores), 0.2F);
}

TEST(FixedShape, AttentionOnHeldRowsIsEvidence) {
  auto options = two_shapes(FixedShape::hold, 2);
  options.refresh_share = 1;
  Loop loop(options);
  loop.sources[1].tokens = nullptr;
  for (std::int64_t tick = 0; tick < 3; ++tick) ASSERT_EQ(loop.step(tick), TickStatus::ok);
  const auto& batch = loop.packet.batches[0];
  ASSERT_EQ(stream::chosen_rows(batch), 2);
  ASSERT_EQ(stream::valid_rows(batch), 6);
  const std::int64_t held = batch.key[4];
  const auto on_held = [held](auto&, std::int64_t key) { return key == held ? 0.9F : 0.001F; };
  EXPECT_EQ(loop.engine.feedback(test::feedback_on(loop.packet, on_held)), FeedbackFate::applied);
  ASSERT_EQ(loop.step(3), TickStatus::ok);
  const auto scores = loop.engine.action_scores(0);
  EXPECT_EQ(std::ranges::max_element(scores) - scores.begin(), held);
}

TEST(FixedShape, RefusesWhatCanNotWork) {
  kernels::Resources resources(1);
  const auto refused = [&](auto&& change) {
    auto options = two_shapes(FixedShape::pad);
    change(options);
    EXPECT_THROW(TickEngine(resources, options), Error);
  };
  refused([](auto& o) { o.sources[0].shape = -1; });
  refused([](auto& o) { o.sources[0].shape = 100'000; });
  refused([](auto& o) { o.sources[0].floor = 21, o.sources[0].shape = 30; });
  auto options = two_shapes(FixedShape::pad);
  options.sources[0].floor = 30;  // it gets its shape of 16
  EXPECT_NO_THROW(TickEngine(resources, options));

  Loop loop(two_shapes(FixedShape::off));
  loop.front.valid.assign(36, 1);
  EXPECT_EQ(loop.step(0), TickStatus::bad_input);
}

/// What a receiver would remember who never forgets.
struct NaiveSource {
  struct Sent {
    std::int64_t tick;
    std::vector<float> feature;
  };
  std::map<std::int64_t, Sent> sent;
  std::int64_t width = -1;
};

/// Random ticks of random sources: shape, columns, prefix order, and rows against a naive memory.
TEST(FixedShape, RandomTicks) {
  kernels::Resources resources(1);
  const std::int64_t loops = test::cases(10'000);
  for (std::int64_t loop = 0; loop < loops; ++loop) {
    SCOPED_TRACE(loop);
    test::Random random(static_cast<std::uint64_t>(70'000 + loop));
    TickEngineOptions options;
    options.fixed_shape = random.chance(0.3) ? FixedShape::pad : FixedShape::hold;
    options.budget.tokens = random.integer(1, 30);
    for (const auto* id : {"a", "b", "c"}) {
      auto& source = options.sources.emplace_back();
      source.id = id;
      source.max_rows = 14;
      source.max_width = 6;
      if (random.chance(0.7)) source.shape = random.integer(0, 20);
      if (random.chance(0.3)) source.cap = random.integer(0, 14);
    }
    TickEngine engine(resources, options);
    stream::PacketCheck check;
    std::vector<NaiveSource> naive(3);
    std::vector<test::RandomSource> sources(3);
    stream::Packet packet;
    for (std::int64_t tick = 0; tick < 20; ++tick) {
      std::vector<TickSource> views;
      for (std::size_t i = 0; i < 3; ++i) {
        const std::int64_t width = random.chance(0.95) ? 4 : 3;
        test::random_source(random, options.sources[i].id, 14, width, sources[i]);
        views.push_back(sources[i].view());
      }
      const auto status = engine.step({tick, 0, views}, {}, packet);
      if (status == TickStatus::over_budget) continue;
      ASSERT_TRUE(status == TickStatus::ok || status == TickStatus::no_tokens) << engine.problem();
      const auto found = check.check(stream::decode_packet(encode(packet), "test"));
      ASSERT_TRUE(found.empty()) << found[0];
      for (std::size_t i = 0; i < 3; ++i) {
        const auto& batch = packet.batches[i];
        const auto& source = options.sources[i];
        ASSERT_EQ(batch.size(), source.shape.value_or(source.cap.value_or(14)));
        const std::int64_t chosen = stream::chosen_rows(batch), valid = stream::valid_rows(batch);
        const auto row_of = [&](std::int64_t row) {
          const auto* begin = batch.features.as<float>().data() + row * batch.features.size(1);
          return std::vector<float>(begin, begin + batch.features.size(1));
        };
        std::set<std::int64_t> now(batch.key.begin(), batch.key.begin() + chosen);
        ASSERT_EQ(std::ssize(now), chosen);
        std::vector<std::pair<std::int64_t, NaiveSource::Sent>> expected;
        if (options.fixed_shape == FixedShape::hold && batch.features.size(1) == naive[i].width)
          for (const auto& entry : naive[i].sent)
            if (!now.contains(entry.first)) expected.push_back(entry);
        std::ranges::stable_sort(
            expected, [](const auto& x, const auto& y) { return x.second.tick > y.second.tick; });
        expected.resize(std::min(expected.size(), static_cast<std::size_t>(batch.size() - chosen)));
        ASSERT_EQ(valid - chosen, std::ssize(expected));
        for (std::int64_t row = chosen; row < valid; ++row) {
          const auto& entry = expected[static_cast<std::size_t>(row - chosen)];
          ASSERT_EQ(batch.key[static_cast<std::size_t>(row)], entry.first);
          const auto got = row_of(row);  // may hold NaN
          ASSERT_EQ(std::memcmp(got.data(), entry.second.feature.data(), got.size() * 4), 0);
        }
        for (std::int64_t row = valid; row < batch.size(); ++row) ASSERT_TRUE(is_zero(batch, row));
        if (chosen > 0 && naive[i].width != batch.features.size(1)) {
          naive[i].sent.clear();
          naive[i].width = batch.features.size(1);
        }
        for (std::int64_t row = 0; row < chosen; ++row)
          naive[i].sent[batch.key[static_cast<std::size_t>(row)]] = {tick, row_of(row)};
      }
      if (random.chance(0.6))
        (void)engine.feedback(test::feedback_on(
            packet, [&](auto&, std::int64_t) { return static_cast<float>(random.uniform()); }));
    }
  }
}

}  // namespace
}  // namespace sluice::policy
