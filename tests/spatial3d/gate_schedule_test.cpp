#include "spatial3d/gate_schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "kernels/error.h"
#include "spatial3d/decay_curve.h"
#include "spatial3d/schedule_presets.h"
#include "tests/support/random_clip.h"

namespace sluice::spatial3d {
namespace {

using Counts = std::vector<std::int64_t>;

constexpr std::int64_t published_tokens = 1659;

GateSchedule staged(std::vector<GateStage> stages, std::int64_t layers = 32) {
  return {.name = "test", .description = "", .layers = layers, .plan = StagedRatios{stages}};
}

std::string complaint(const GateSchedule& schedule) {
  try {
    validate(schedule, "here");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::input);
    return error.what();
  }
  return "";
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// FLOPs left, worked out apart from the code for S=1659 and 61 other tokens.
TEST(GateSchedule, PresetsLeaveTheFlopsOfTheTable) {
  const std::vector<std::pair<std::string, double>> table{
      {"class-default", 47.8}, {"scanqa", 70.0}, {"sqa3d", 70.0},       {"run-llava-3d", 64.0},
      {"ate", 66.3},           {"plot3d", 43.1}, {"exponential", 36.6}, {"quadratic", 69.7}};
  ASSERT_EQ(schedule_presets().size(), table.size());
  for (std::size_t i = 0; i < table.size(); ++i) {
    EXPECT_EQ(schedule_presets()[i].name, table[i].first);
    const auto counts = layer_counts(preset_schedule(table[i].first), published_tokens);
    const double left = 100 * flops_left(counts, published_tokens, ModelSize{});
    EXPECT_NEAR(left, table[i].second, 0.05) << table[i].first;
  }
}

// The schedule in the published log.
TEST(GateSchedule, TheLoggedScheduleLeavesWhatWasDerived) {
  const auto counts = layer_counts(staged({{8, .8}, {16, .5}, {24, .2}}), published_tokens);
  EXPECT_NEAR(100 * flops_left(counts, published_tokens, ModelSize{}), 62.9, 0.05);
}

// §2.4: four lengths of OpenVLA's sequence, 3 full layers of 32, in tera multiply-adds.
TEST(GateSchedule, LayerCostIsThePublishedMetric) {
  const std::vector<std::pair<std::int64_t, double>> published{
      {291, 1.907}, {163, 1.142}, {99, .762}, {67, .573}};
  for (const auto& [tokens, tera] : published) {
    const double cost = 3 * layer_cost(291, ModelSize{}) + 29 * layer_cost(tokens, ModelSize{});
    EXPECT_NEAR(cost * 1e-12, tera, 5e-4);
  }
}

TEST(GateSchedule, FlopsLeftIsOneWithoutAGate) {
  EXPECT_EQ(flops_left(Counts{7, 7, 7}, 7, ModelSize{}), 1.0);
  EXPECT_THROW((void)flops_left(Counts{}, 7, ModelSize{}), Error);
  EXPECT_THROW((void)flops_left(Counts{0}, 0, ModelSize{.other_tokens = 0}), Error);
}

TEST(GateSchedule, RatiosAreOfTheOriginalCountAndCutOff) {
  const auto schedule = staged({{1, .5}, {3, .25}}, 5);
  EXPECT_EQ(layer_counts(schedule, 7), (Counts{7, 3, 3, 1, 1}));
  EXPECT_EQ(layer_counts(schedule, 0), (Counts{0, 0, 0, 0, 0}));
  // In double, in the order written: 29·0.7 is 20.299…, 10·0.7 is 7.0, 30·0.7 is 21.0, and
  // 57·(1/57) may not be 1. Whatever it is, it must be what the published expression gives.
  for (std::int64_t tokens = 1; tokens < 3000; ++tokens)
    for (const double ratio : {.9, .8, .75, .7, .6, .55, .5, .45, .4, .25, .15, 1.0 / 3}) {
      const auto counts = layer_counts(staged({{1, ratio}}, 2), tokens);
      ASSERT_EQ(counts[1], static_cast<std::int64_t>(static_cast<double>(tokens) * ratio));
    }
}

TEST(GateSchedule, PercentagesAreAppliedInTheOrderWritten) {
  const GateSchedule schedule{.name = "",
                              .description = "",
                              .layers = 3,
                              .plan = LayerPercents{.percent = {100, 57.5, 29}}};
  EXPECT_EQ(layer_counts(schedule, 100), (Counts{100, 57, 29})) << "100 · (29 / 100) is below 29";
  auto nearest = schedule;
  std::get<LayerPercents>(nearest.plan).rounding = CountRounding::nearest;
  EXPECT_EQ(layer_counts(nearest, 100), (Counts{100, 58, 29}));
  EXPECT_EQ(layer_counts(nearest, 1), (Counts{1, 1, 0}));
}

TEST(GateSchedule, StepsChain) {
  EXPECT_EQ(gate_steps(staged({{0, 1}, {2, .5}, {3, .5}, {4, .1}}, 6), 9),
            (std::vector<GateStep>{{0, 9, 9}, {2, 9, 4}, {3, 4, 4}, {4, 4, 0}}));
  const GateSchedule counts{.name = "",
                            .description = "",
                            .layers = 5,
                            .plan = LayerCounts{.spatial_tokens = 9, .counts = {8, 8, 3, 3, 0}}};
  EXPECT_EQ(gate_steps(counts, 9), (std::vector<GateStep>{{0, 9, 8}, {2, 8, 3}, {4, 3, 0}}));
  EXPECT_THROW((void)gate_steps(counts, 10), Error) << "counts are for one S only";
  EXPECT_THROW((void)gate_steps(staged({}), -1), Error);
  EXPECT_THROW((void)gate_steps(staged({}), std::int64_t{1} << 31), Error);
}

TEST(GateSchedule, BrokenPlansAreRefusedByStage) {
  EXPECT_EQ(complaint(staged({})), "");
  EXPECT_EQ(complaint(staged({{0, 1}, {31, 1}})), "");
  EXPECT_TRUE(mentions(complaint(staged({{8, .5}, {8, .4}})), "here, stage 2: layer 8 after"));
  EXPECT_TRUE(mentions(complaint(staged({{8, .5}, {4, .4}})), "strictly increase"));
  EXPECT_TRUE(mentions(complaint(staged({{8, .5}, {16, .6}})), "stage 2: ratio 0.6 after 0.5"));
  EXPECT_TRUE(mentions(complaint(staged({{32, .5}})), "stage 1: layer 32; expected 0 to 31"));
  EXPECT_TRUE(mentions(complaint(staged({{-1, .5}})), "stage 1: layer -1"));
  EXPECT_TRUE(mentions(complaint(staged({{8, 0}})), "stage 1: ratio 0"));
  EXPECT_TRUE(mentions(complaint(staged({{8, 1.5}})), "stage 1: ratio 1.5"));
  EXPECT_TRUE(mentions(complaint(staged({{8, NAN}})), "ratio nan"));
  EXPECT_TRUE(mentions(complaint(staged({}, 0)), "0 layers"));
}

TEST(GateSchedule, BrokenListsAreRefusedByLayer) {
  const auto percents = [](std::vector<double> values) {
    return GateSchedule{.name = "",
                        .description = "",
                        .layers = 3,
                        .plan = LayerPercents{.percent = std::move(values)}};
  };
  EXPECT_EQ(complaint(percents({100, 50, 0})), "");
  EXPECT_TRUE(mentions(complaint(percents({100, 50})), "2 values"));
  EXPECT_TRUE(mentions(complaint(percents({101, 50, 0})), "layer 0: 101 %"));
  EXPECT_TRUE(mentions(complaint(percents({100, 50, 60})), "layer 2: 60 % after 50 %"));
  EXPECT_TRUE(mentions(complaint(percents({100, NAN, 0})), "layer 1: nan"));
  const auto counts = [](std::int64_t tokens, Counts values) {
    return GateSchedule{.name = "",
                        .description = "",
                        .layers = 3,
                        .plan = LayerCounts{.spatial_tokens = tokens, .counts = std::move(values)}};
  };
  EXPECT_EQ(complaint(counts(9, {9, 0, 0})), "");
  EXPECT_TRUE(mentions(complaint(counts(9, {10, 0, 0})), "layer 0: 10 tokens"));
  EXPECT_TRUE(mentions(complaint(counts(9, {9, 0, -1})), "layer 2: -1 tokens"));
  EXPECT_TRUE(mentions(complaint(counts(-1, {0, 0, 0})), "-1 spatial tokens"));
}

TEST(SchedulePresets, QuadraticIsThePublishedList) {
  const auto counts = layer_counts(preset_schedule("quadratic"), published_tokens);
  for (int l = 0; l < 32; ++l) {
    const double x = l / 31.0;
    EXPECT_EQ(counts[static_cast<std::size_t>(l)], std::lrint(1659 - (1659 - 166) * (x * x)));
  }
}

TEST(SchedulePresets, ExponentialIsTheCurveWithThePublishedStart) {
  const double e = std::exp(-31 * .1);
  const double d = (10 - 100 * e) / (1 - e);
  const auto counts = layer_counts(preset_schedule("exponential"), published_tokens);
  EXPECT_EQ(counts.front(), 1659);
  EXPECT_EQ(counts.back(), 165) << "int(1659 · 10 / 100)";
  for (int l = 1; l < 31; ++l) {
    const double f = d + (100 - d) * std::exp(-.1 * l);
    EXPECT_EQ(counts[static_cast<std::size_t>(l)], static_cast<std::int64_t>(1659 * f / 100));
  }
}

TEST(SchedulePresets, FitOtherDepthsOrSayWhyNot) {
  for (const std::int64_t layers : {2, 3, 28, 48, 80}) {
    for (const std::string name : {"exponential", "quadratic"}) {
      const auto counts = layer_counts(preset_schedule(name, layers), 1000);
      ASSERT_EQ(counts.size(), static_cast<std::size_t>(layers));
      EXPECT_EQ(counts.front(), 1000);
      EXPECT_EQ(counts.back(), 100);
    }
  }
  EXPECT_EQ(layer_counts(preset_schedule("scanqa", 25), 10).back(), 4);
  EXPECT_THROW((void)preset_schedule("scanqa", 24), Error);
  EXPECT_THROW((void)preset_schedule("exponential", 1), Error);
  try {
    (void)preset_schedule("scan");
    FAIL();
  } catch (const Error& error) {
    EXPECT_TRUE(mentions(error.what(), "class-default, scanqa, sqa3d"));
  }
}

TEST(GateSchedule, CountsNeverIncreaseWhateverTheCurve) {
  test::Random random(11);
  for (std::int64_t round = 0; round < test::cases(20'000); ++round) {
    const std::int64_t layers = random.integer(2, 90);
    const double rate = random.chance(0.1) ? 0 : random.between(-10, 10);
    const std::int64_t tokens = random.integer(0, 3000);
    const GateSchedule schedule{
        .name = "", .description = "", .layers = layers, .plan = decay_plan(rate, layers)};
    const auto counts = layer_counts(schedule, tokens);
    ASSERT_EQ(counts.front(), tokens);
    ASSERT_EQ(counts.back(), tokens / 10) << "rate " << rate << ", layers " << layers;
    ASSERT_TRUE(std::is_sorted(counts.rbegin(), counts.rend()));
    const auto steps = gate_steps(schedule, tokens);
    std::int64_t left = tokens;
    for (const auto& step : steps) {
      ASSERT_EQ(step.n_in, left);
      ASSERT_LT(step.n_out, left);
      left = step.n_out;
    }
    ASSERT_EQ(left, counts.back());
  }
}

TEST(DecayCurve, IsTheFormulaOfTheTake) {
  for (const double rate : {-.3, -.01, .01, .1, 1.0}) {
    const double e = std::exp(-31 * rate);
    const double d = (10 - 100 * e) / (1 - e);
    for (int x = 1; x <= 32; ++x)
      EXPECT_NEAR(decay_percent(rate, x, 32), d + (100 - d) * std::exp(-rate * (x - 1)), 1e-9);
  }
  EXPECT_NEAR(decay_percent(0, 16.5, 32), 55, 1e-12);
  EXPECT_NEAR(decay_percent(1e-13, 16.5, 32), 55, 1e-9);
}

TEST(DecayCurve, StagesHoldTheCurveFromWhereTheyBegin) {
  const auto plan = decay_plan(.1, 32, {8, 16, 24});
  ASSERT_EQ(plan.stages.size(), 3u);
  EXPECT_EQ(plan.stages[1].layer, 16);
  EXPECT_NEAR(plan.stages[1].ratio, decay_percent(.1, 17, 32) / 100, 1e-15);
}

}  // namespace
}  // namespace sluice::spatial3d
