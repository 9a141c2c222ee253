// Promise 6: with no attention at all, the engine still prunes well, from the features alone.
#include <gtest/gtest.h>

#include "temporal/reduce.h"
#include "tests/support/random_clip.h"

namespace sluice {
namespace {

/// A uniform scene with a few odd tokens in each frame, which move; small noise everywhere.
TEST(Promise6AttentionIsOptional, WhatStandsOutOrChangesIsKept) {
  kernels::Resources resources(1);
  test::Random random(601);
  const test::ClipShape shape{12, 100, 64};
  std::int64_t found = 0, planted = 0;
  for (int round = 0; round < 20; ++round) {
    std::vector<float> background(64);
    for (auto& value : background) value = random.normal();
    std::vector<float> values;
    std::vector<std::vector<std::int64_t>> odd;
    for (std::int64_t f = 0; f < shape.frames; ++f) {
      odd.emplace_back();
      for (int i = 0; i < 3; ++i) odd.back().push_back(random.integer(0, shape.positions - 1));
      for (std::int64_t p = 0; p < shape.positions; ++p) {
        const bool is_odd = std::find(odd.back().begin(), odd.back().end(), p) != odd.back().end();
        for (const float base : background)
          values.push_back(is_odd ? random.normal() : base + 0.7f * random.normal());
      }
    }
    const auto clip = test::clip_tensor(values, shape);
    temporal::HolitomParameters parameters;
    parameters.retain = 0.10;
    const auto result = temporal::reduce(resources, clip, kernels::TensorView(), parameters);
    EXPECT_EQ(result.tokens.size(), 120);
    for (std::int64_t f = 0; f < shape.frames; ++f)
      for (const auto p : odd[static_cast<std::size_t>(f)]) {
        ++planted;
        found += result.assignment[static_cast<std::size_t>(f * shape.positions + p)] >= 0;
      }
  }
  // Chance would find a tenth of them.
  EXPECT_GT(static_cast<double>(found), 0.97 * static_cast<double>(planted));
}

/// Every token points its own way, so none stands out; what changed is all there is to go by.
TEST(Promise6AttentionIsOptional, WhatChangedIsPreferred) {
  kernels::Resources resources(1);
  test::Random random(603);
  const test::ClipShape shape{2, 40, 256};
  auto values = test::random_clip(random, shape, {.repeat = 1, .noise = 0.2});
  const auto row = [&](std::size_t f, std::size_t p) { return values.data() + (f * 40 + p) * 256; };
  for (const std::size_t changed : {3u, 17u, 38u})
    for (std::size_t d = 0; d < 256; ++d) row(1, changed)[d] = random.normal();
  temporal::HolitomParameters parameters;
  parameters.tau = 1.0;  // nothing is merged
  parameters.budget = 6;
  const auto result = temporal::reduce(resources, test::clip_tensor(values, shape),
                                       kernels::TensorView(), parameters);
  for (const std::size_t changed : {3u, 17u, 38u}) EXPECT_GE(result.assignment[40 + changed], 0);
}

TEST(Promise6AttentionIsOptional, ReasonsSayWhichOfTheTwoDecided) {
  kernels::Resources resources(1);
  test::Random random(602);
  const test::ClipShape shape{4, 20, 16};
  const auto clip = test::clip_tensor(test::random_clip(random, shape, {.repeat = 0}), shape);
  const auto attention = test::random_attention(random, shape);
  temporal::HolitomParameters parameters;
  parameters.retain = 0.2;
  for (const auto reason :
       temporal::reduce(resources, clip, kernels::TensorView(), parameters).tokens.reason)
    EXPECT_EQ(reason, static_cast<std::uint8_t>(stream::KeepReason::saliency));
  for (const auto reason : temporal::reduce(resources, clip, attention, parameters).tokens.reason)
    EXPECT_EQ(reason, static_cast<std::uint8_t>(stream::KeepReason::attention));
}

}  // namespace
}  // namespace sluice
