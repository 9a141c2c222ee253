#include "spatial3d/stage_gate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/error.h"
#include "spatial3d/schedule_presets.h"
#include "spatial3d/stage_walk.h"
#include "tests/support/random_clip.h"

namespace sluice::spatial3d {
namespace {

using Ids = std::vector<std::int64_t>;

StageDecision decide(const StageInput& input) {
  StageDecision decision;
  gate_stage(input, decision);
  return decision;
}

/// The n_out best of a span, as indices into the whole sequence: sorts everything, stably.
Ids oracle_keep(const std::vector<double>& attention, std::int64_t start, std::int64_t n_in,
                std::int64_t n_out) {
  Ids span(static_cast<std::size_t>(n_in));
  std::iota(span.begin(), span.end(), start);
  std::stable_sort(span.begin(), span.end(), [&](std::int64_t a, std::int64_t b) {
    const double x = attention[static_cast<std::size_t>(a)];
    const double y = attention[static_cast<std::size_t>(b)];
    if (std::isnan(x)) return false;
    return std::isnan(y) || x > y;
  });
  span.resize(static_cast<std::size_t>(n_out));
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(attention.size()); ++i)
    if (i < start || i >= start + n_in) span.push_back(i);
  std::sort(span.begin(), span.end());
  return span;
}

TEST(StageGate, PositionsAsAsked) {
  const std::vector<double> attention{9, 1, 3, 2, 3, 9, 9};
  StageInput input{.attention = attention, .span_start = 1, .n_in = 4, .n_out = 2};
  const Ids keep{0, 2, 4, 5, 6};

  auto decision = decide(input);
  EXPECT_EQ(decision.keep, keep);
  EXPECT_EQ(decision.keep_in_span, (Ids{1, 3}));
  EXPECT_EQ(decision.position_ids, keep);
  EXPECT_EQ(decision.decode_shift, 0);

  input.positions = PositionMode::compacted;
  decision = decide(input);
  EXPECT_EQ(decision.keep, keep);
  EXPECT_EQ(decision.position_ids, (Ids{0, 1, 2, 5, 6}));
  EXPECT_EQ(decision.decode_shift, 0);

  input.positions = PositionMode::renumbered;
  decision = decide(input);
  EXPECT_EQ(decision.keep, keep);
  EXPECT_EQ(decision.position_ids, (Ids{0, 1, 2, 3, 4}));
  EXPECT_EQ(decision.decode_shift, 2);
}

TEST(StageGate, PositionIdsOfAnEarlierStageGoOn) {
  const std::vector<double> attention{0, 1, 3, 2, 0};
  const Ids ids{0, 4, 6, 9, 20};
  StageInput input{
      .attention = attention, .span_start = 1, .n_in = 3, .n_out = 2, .position_ids = ids};
  EXPECT_EQ(decide(input).position_ids, (Ids{0, 6, 9, 20}));
  input.positions = PositionMode::compacted;
  EXPECT_EQ(decide(input).position_ids, (Ids{0, 4, 6, 20}));
  input.positions = PositionMode::renumbered;
  EXPECT_EQ(decide(input).position_ids, (Ids{0, 1, 2, 3}));
}

TEST(StageGate, TiesGoToTheLowestIndexAndNanIsLast) {
  const std::vector<double> ties{1, 1, 1, 1};
  EXPECT_EQ(decide({.attention = ties, .n_in = 4, .n_out = 2}).keep, (Ids{0, 1}));
  const std::vector<double> broken{NAN, 0, NAN, -1};
  EXPECT_EQ(decide({.attention = broken, .n_in = 4, .n_out = 3}).keep, (Ids{0, 1, 3}));
}

TEST(StageGate, EmptySpansAndEmptyOutputs) {
  const std::vector<double> attention{1, 2, 3};
  EXPECT_EQ(decide({.attention = attention, .span_start = 3}).keep, (Ids{0, 1, 2}));
  EXPECT_EQ(decide({.attention = attention, .span_start = 1, .n_in = 2, .n_out = 0}).keep,
            (Ids{0}));
  EXPECT_EQ(decide({.attention = attention, .n_in = 3, .n_out = 3}).keep, (Ids{0, 1, 2}));
  EXPECT_TRUE(decide({}).keep.empty());
}

TEST(StageGate, WhatDoesNotFitIsRefused) {
  const std::vector<double> attention{1, 2, 3};
  StageDecision decision;
  const auto refused = [&](const StageInput& input) {
    try {
      gate_stage(input, decision);
    } catch (const Error& error) {
      return error.kind() == Error::Kind::input;
    }
    return false;
  };
  EXPECT_TRUE(refused({.attention = attention, .span_start = -1, .n_in = 1}));
  EXPECT_TRUE(refused({.attention = attention, .span_start = 2, .n_in = 2}));
  EXPECT_TRUE(refused({.attention = attention, .span_start = 4}));
  EXPECT_TRUE(refused({.attention = attention, .span_start = 1, .n_in = -1}));
  EXPECT_TRUE(refused({.attention = attention, .span_start = 1, .n_in = INT64_MAX}));
  EXPECT_TRUE(refused({.attention = attention, .n_in = 2, .n_out = 3}));
  EXPECT_TRUE(refused({.attention = attention, .n_in = 2, .n_out = -1}));
  const Ids few{0, 1};
  const Ids repeated{0, 1, 1};
  EXPECT_TRUE(refused({.attention = attention, .position_ids = few}));
  EXPECT_TRUE(refused({.attention = attention, .position_ids = repeated}));
}

TEST(StageGate, HeadMeanIsTheMeanInDouble) {
  const std::vector<float> attention{1, 2, 3, 4, 5, 7};
  std::vector<double> mean;
  head_mean(attention, 2, mean);
  EXPECT_EQ(mean, (std::vector<double>{2.5, 3.5, 5}));
  head_mean(attention, 1, mean);
  EXPECT_EQ(mean.size(), 6u);
  EXPECT_THROW(head_mean(attention, 4, mean), Error);
  EXPECT_THROW(head_mean(attention, 0, mean), Error);
}

TEST(StageGate, AgreesWithAStableSort) {
  const std::uint64_t seed = 20250512;
  SCOPED_TRACE(seed);
  test::Random random(seed);
  for (std::int64_t round = 0; round < test::cases(40'000); ++round) {
    const std::int64_t n = random.integer(1, 60);
    const std::int64_t heads = random.integer(1, 5);
    std::vector<float> attention(static_cast<std::size_t>(n * heads));
    const int levels = random.chance(0.5) ? 3 : 1'000'000;
    for (float& value : attention)
      value = random.chance(0.02) ? NAN : static_cast<float>(random.integer(0, levels)) * 0.1F;
    std::vector<double> mean(static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < mean.size(); ++i) {
      for (std::int64_t h = 0; h < heads; ++h)
        mean[i] += attention[static_cast<std::size_t>(h * n) + i];
      mean[i] /= static_cast<double>(heads);
    }
    std::vector<double> actual_mean;
    head_mean(attention, heads, actual_mean);
    for (std::size_t i = 0; i < mean.size(); ++i)
      ASSERT_TRUE(mean[i] == actual_mean[i] || std::isnan(mean[i]));

    const std::int64_t start = random.integer(0, n);
    const std::int64_t n_in = random.integer(0, n - start);
    const std::int64_t n_out = random.integer(0, n_in);
    const auto decision =
        decide({.attention = actual_mean, .span_start = start, .n_in = n_in, .n_out = n_out});
    ASSERT_EQ(decision.keep, oracle_keep(mean, start, n_in, n_out)) << "round " << round;
  }
}

TEST(StageWalk, MapsBackToTheFirstSequenceThroughAllStages) {
  const std::uint64_t seed = 3;
  SCOPED_TRACE(seed);
  test::Random random(seed);
  for (std::int64_t round = 0; round < test::cases(2000); ++round) {
    const TokenLayout layout{random.integer(0, 9), random.integer(0, 200), random.integer(0, 9)};
    const auto presets = schedule_presets();
    const auto& preset =
        presets[static_cast<std::size_t>(random.integer(0, std::ssize(presets) - 1))];
    const auto mode = static_cast<PositionMode>(random.integer(0, 2));
    const auto schedule = preset_schedule(preset.name);
    const auto counts = layer_counts(schedule, layout.spatial);
    StageWalk walk(schedule, layout, mode);

    Ids alive(static_cast<std::size_t>(layout.total()));
    std::iota(alive.begin(), alive.end(), std::int64_t{0});
    std::int64_t spatial = layout.spatial;
    for (std::int64_t layer = 0; layer < schedule.layers; ++layer) {
      if (walk.is_due(layer)) {
        std::vector<double> attention(alive.size());
        for (double& value : attention) value = static_cast<double>(random.integer(0, 40));
        walk.advance(attention);
        const std::int64_t target = counts[static_cast<std::size_t>(layer)];
        Ids next;
        for (const auto index : oracle_keep(attention, layout.system, spatial, target))
          next.push_back(alive[static_cast<std::size_t>(index)]);
        alive = next;
        spatial = target;
      }
      ASSERT_EQ(walk.tokens(),
                layout.system + layout.text + counts[static_cast<std::size_t>(layer)]);
      ASSERT_EQ(walk.original_indices(), alive);
      // The next generated token follows the last position, gaps or not.
      const std::int64_t next_id = layout.total() - walk.decode_shift(layer);
      if (layout.text > 0) {
        ASSERT_EQ(walk.position_ids().back() + 1, next_id);
      }
      if (mode == PositionMode::original) {
        ASSERT_EQ(walk.position_ids(), alive);
      }
      if (mode == PositionMode::renumbered) {
        ASSERT_EQ(next_id, walk.tokens());
      }
      ASSERT_EQ(std::adjacent_find(walk.position_ids().begin(), walk.position_ids().end(),
                                   std::greater_equal<>()),
                walk.position_ids().end());
    }
    EXPECT_THROW(walk.advance(std::vector<double>(alive.size())), Error);
  }
}

TEST(StageWalk, RefusesWhatTheModelCannotTake) {
  const auto schedule = preset_schedule("scanqa");
  EXPECT_NO_THROW(StageWalk(schedule, {37, 1659, 24}, PositionMode::original, 1720));
  EXPECT_THROW(StageWalk(schedule, {37, 1659, 24}, PositionMode::original, 1719), Error);
  EXPECT_THROW(StageWalk(schedule, {-1, 1659, 24}, PositionMode::original), Error);
  StageWalk walk(schedule, {1, 10, 1}, PositionMode::original);
  EXPECT_THROW(walk.advance(std::vector<double>(11)), Error);
  EXPECT_EQ(walk.tokens(), 12);
}

TEST(StageWalk, WithoutSpatialTokensNothingHappens) {
  StageWalk walk(preset_schedule("exponential"), {3, 0, 4}, PositionMode::renumbered);
  EXPECT_TRUE(walk.steps().empty());
  EXPECT_EQ(walk.tokens(), 7);
  EXPECT_EQ(walk.decode_shift(31), 0);
}

}  // namespace
}  // namespace sluice::spatial3d
