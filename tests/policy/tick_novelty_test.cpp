// What changes is found without attention; what always changes is not.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/tick_loop.h"

namespace sluice::policy {
namespace {

using stream::KeepReason;
using test::two_cameras;
using Loop = test::TickLoop;

constexpr std::int64_t width = test::loop_width;

TickEngineOptions one_camera(std::int64_t tokens) {
  auto options = two_cameras(tokens);
  options.sources.pop_back();
  return options;
}

/// A camera whose token i looks along axis i mod width.
struct Scene : Loop {
  explicit Scene(const TickEngineOptions& options) : Loop(options) {
    sources.resize(1);
    for (std::int64_t i = 0; i < 36; ++i) look(i, i % width);
  }
  void look(std::int64_t token, std::int64_t axis, float aside = 0) {
    auto values = front.features.as<float>().subspan(static_cast<std::size_t>(token * width));
    for (std::int64_t d = 0; d < width; ++d)
      values[static_cast<std::size_t>(d)] = d == axis ? 1.0F : d == axis + 1 ? aside : 0.0F;
  }
  [[nodiscard]] std::int64_t kept_for(KeepReason reason) const {
    const auto& reasons = packet.batches[0].reason;
    return std::count(reasons.begin(), reasons.end(), static_cast<std::uint8_t>(reason));
  }
  [[nodiscard]] bool keeps(std::int64_t key) const { return Loop::keeps(0, key); }
};

TEST(TickNovelty, FindsWhatAppearsWithoutAnyFeedback) {
  const auto finds = [](bool novelty) {
    auto options = one_camera(6);
    options.novelty.on = novelty;
    Scene scene(options);
    for (std::int64_t tick = 0; tick < 10; ++tick) EXPECT_EQ(scene.step(tick), TickStatus::ok);
    int found = 0;
    for (std::int64_t token = 20; token < 30; ++token) {  // one after the other, and to stay
      scene.look(token, (token + 5) % width);
      EXPECT_EQ(scene.step(token), TickStatus::ok);
      found += scene.keeps(token);
      EXPECT_EQ(scene.packet.kept, 6);
      EXPECT_EQ(scene.kept_for(KeepReason::novelty) > 0, novelty);
    }
    return found;
  };
  EXPECT_EQ(finds(true), 10);
  EXPECT_LT(finds(false), 6);
}

/// It stays novel until it has been sent, however long that takes.
TEST(TickNovelty, LastsUntilItIsSent) {
  auto options = one_camera(1);
  options.refresh_share = 0;
  options.selector_options.evidence_share = 1;
  Scene scene(options);
  ASSERT_EQ(scene.step(0), TickStatus::ok);
  for (const std::int64_t token : {11, 12, 13}) scene.look(token, (token + 5) % width);
  std::vector<std::int64_t> sent;
  for (std::int64_t tick = 1; tick <= 3; ++tick) {
    ASSERT_EQ(scene.step(tick), TickStatus::ok);
    EXPECT_EQ(scene.kept_for(KeepReason::novelty), 1);
    sent.push_back(scene.packet.batches[0].key[0]);
  }
  EXPECT_EQ(sent, (std::vector<std::int64_t>{11, 12, 13}));
  ASSERT_EQ(scene.step(4), TickStatus::ok);
  EXPECT_EQ(scene.kept_for(KeepReason::novelty), 0);
}

TEST(TickNovelty, NoiseIsNotNovelAndNeitherIsAMovingCamera) {
  Scene noisy(one_camera(12)), moving(one_camera(12));
  for (std::int64_t tick = 0; tick < 20; ++tick) {
    for (auto& value : noisy.front.features.as<float>()) value += 0.02F * noisy.random.normal();
    ASSERT_EQ(noisy.step(tick), TickStatus::ok);
    EXPECT_EQ(noisy.kept_for(KeepReason::novelty), 0);
    for (std::int64_t token = 0; token < 36; ++token) moving.look(token, (token + tick) % width);
    ASSERT_EQ(moving.step(tick), TickStatus::ok);
    EXPECT_EQ(moving.kept_for(KeepReason::novelty), 0);
  }
}

/// Of two tokens that changed, the one beside what is attended goes first, though the other
/// changed more.
TEST(TickNovelty, TakesAttentionAlong) {
  const auto first = [](bool carries_attention) {
    auto options = one_camera(4);
    options.refresh_share = 0;
    options.selector_options.evidence_share = 1;
    options.novelty.carries_attention = carries_attention;
    Scene scene(options);
    const std::vector<std::int32_t> pinned{3, 4, 5};  // the model looks at these
    scene.sources[0].pinned = pinned;
    for (std::int64_t tick = 0; tick < 3; ++tick) {
      EXPECT_EQ(scene.step(tick), TickStatus::ok);
      (void)scene.engine.feedback(test::feedback_on(scene.packet, test::attention_on_front));
    }
    scene.look(10, 10, 5.0F);  // below 4
    scene.look(30, 2);
    EXPECT_EQ(scene.step(3), TickStatus::ok);
    return scene.keeps(10) ? 10 : scene.keeps(30) ? 30 : 0;
  };
  EXPECT_EQ(first(true), 10);
  EXPECT_EQ(first(false), 30);
}

TEST(TickNovelty, ARefusedTickAndAnotherEpisodeAreNotRemembered) {
  auto options = one_camera(4);
  options.refresh_share = 0;
  Scene scene(options);
  ASSERT_EQ(scene.step(0), TickStatus::ok);
  scene.look(17, 9);
  const std::vector<float> too_few(5);
  scene.sources[0].semantic = too_few;
  ASSERT_EQ(scene.step(1), TickStatus::bad_input);
  scene.sources[0].semantic = {};
  ASSERT_EQ(scene.step(2), TickStatus::ok);
  EXPECT_GE(scene.kept_for(KeepReason::novelty), 1);
  scene.engine.reset(1);
  scene.look(17, 3);
  ASSERT_EQ(scene.step(0), TickStatus::ok);
  EXPECT_EQ(scene.kept_for(KeepReason::novelty), 0);
}

/// What stands out has a say beside attention: attention has not been everywhere.
TEST(TickNovelty, WhatStandsOutIsFoundBesideAttention) {
  const auto finds = [](double weight) {
    auto options = one_camera(6);
    options.refresh_share = 0;
    options.novelty.on = false;
    options.selector_options = {.evidence_share = 1, .saliency_weight = weight};
    Scene scene(options);
    for (std::int64_t i = 0; i < 36; ++i) scene.look(i, 0);
    for (const std::int64_t i : {0, 1, 2, 3, 4, 5}) scene.look(i, 2);
    EXPECT_EQ(scene.step(0), TickStatus::ok);
    (void)scene.engine.feedback(test::feedback_on(scene.packet, test::attention_on_front));
    scene.look(33, 7);  // without novelty, all that can be seen is that it is unlike the others
    EXPECT_EQ(scene.step(1), TickStatus::ok);
    return scene.keeps(33);
  };
  EXPECT_TRUE(finds(0.5));
  EXPECT_FALSE(finds(0));
}

}  // namespace
}  // namespace sluice::policy
