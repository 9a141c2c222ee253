#include "temporal/reduce.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "tests/support/random_clip.h"

namespace sluice::temporal {
namespace {

using kernels::DType;
using kernels::TensorView;

Reduction reduce_with(const kernels::Tensor& clip, const kernels::Tensor& attention,
                      const HolitomParameters& parameters) {
  kernels::Resources resources(2);
  return reduce(resources, clip, attention.defined() ? attention.view() : TensorView(), parameters);
}

TEST(Reduce, DynamicTokensAreTheInputRowsWithMostAttention) {
  test::Random random(1);
  const test::ClipShape shape{3, 8, 5};
  const auto values = test::random_clip(random, shape, {.repeat = 0});
  const auto clip = test::clip_tensor(values, shape);
  const auto attention = test::random_attention(random, shape);
  HolitomParameters parameters;
  parameters.retain = 0.25;
  const auto result = reduce_with(clip, attention, parameters);
  ASSERT_EQ(result.tokens.size(), 6);
  EXPECT_EQ(result.segments.size(), 3u);
  for (std::size_t row = 0; row < 6; ++row) {
    const auto f = static_cast<std::size_t>(result.tokens.frame[row]);
    const auto p = static_cast<std::size_t>(result.tokens.position[row]);
    for (std::size_t d = 0; d < 5; ++d)
      EXPECT_EQ(result.tokens.features.as<float>()[row * 5 + d], values[(f * 8 + p) * 5 + d]);
    int better = 0;
    for (std::size_t q = 0; q < 8; ++q)
      better += attention.as<float>()[f * 8 + q] > attention.as<float>()[f * 8 + p];
    EXPECT_LT(better, 2);
  }
}

TEST(Reduce, IdenticalFramesCollapseToOne) {
  test::Random random(2);
  const test::ClipShape shape{6, 4, 16};
  const auto clip =
      test::clip_tensor(test::random_clip(random, shape, {.repeat = 1, .exact_copy = 1}), shape);
  HolitomParameters parameters;
  parameters.retain = 1.0;
  const auto result = reduce_with(clip, {}, parameters);
  EXPECT_EQ(result.available, 4);
  ASSERT_EQ(result.tokens.size(), 4) << "no more than there are left";
  for (std::size_t row = 0; row < 4; ++row) {
    EXPECT_EQ(result.tokens.weight[row], 6);
    EXPECT_EQ(result.tokens.frame[row], 0);
    EXPECT_EQ(result.tokens.frame_last[row], 5);
    for (std::size_t d = 0; d < 16; ++d)  // every mean is its own centre
      EXPECT_NEAR(static_cast<double>(result.tokens.features.as<float>()[row * 16 + d]),
                  static_cast<double>(clip.as<float>()[row * 16 + d]), 1e-6);
  }
}

TEST(Reduce, SmallestInputs) {
  kernels::Resources resources(1);
  for (const test::ClipShape shape : {test::ClipShape{1, 1, 1}, test::ClipShape{1, 9, 3},
                                      test::ClipShape{5, 1, 2}, test::ClipShape{3, 4, 1}}) {
    test::Random random(3);
    const auto clip = test::clip_tensor(test::random_clip(random, shape), shape);
    for (const double retain : {0.01, 0.5, 1.0}) {
      HolitomParameters parameters;
      parameters.retain = retain;
      const auto result = reduce(resources, clip, TensorView(), parameters);
      EXPECT_EQ(result.tokens.size(),
                total_budget(shape.frames * shape.positions, result.available, parameters));
    }
  }
}

TEST(Reduce, PublishedRoundingOfOneFrame) {
  test::Random random(4);
  const test::ClipShape shape{1, 196, 8};
  const auto clip = test::clip_tensor(test::random_clip(random, shape), shape);
  HolitomParameters parameters;
  parameters.rounding = Rounding::parity;
  EXPECT_EQ(reduce_with(clip, {}, parameters).tokens.size(), 20);
  parameters.rounding = Rounding::exact;
  EXPECT_EQ(reduce_with(clip, {}, parameters).tokens.size(), 20);  // rnd(19.6)
}

TEST(Reduce, ContextualTokensStandForTheRestOfTheirFrame) {
  test::Random random(5);
  const test::ClipShape shape{2, 30, 12};
  const auto clip = test::clip_tensor(test::random_clip(random, shape, {.repeat = 0}), shape);
  const auto attention = test::random_attention(random, shape);
  HolitomParameters parameters;
  parameters.retain = 0.3;
  parameters.contextual = 0.4;
  const auto result = reduce_with(clip, attention, parameters);
  ASSERT_EQ(result.tokens.size(), 18);
  std::int64_t weight = 0;
  for (const auto w : result.tokens.weight) weight += w;
  EXPECT_EQ(weight, 60) << "every token is kept or merged";
  for (const auto row : result.assignment) EXPECT_GE(row, 0);
}

TEST(Reduce, SpatialOrderSortsTheFirstFrameByPosition) {
  test::Random random(6);
  const test::ClipShape shape{6, 20, 16};
  const auto clip = test::clip_tensor(test::random_clip(random, shape, {.repeat = 0.9}), shape);
  HolitomParameters parameters;
  parameters.retain = 0.4;
  const auto published = reduce_with(clip, {}, parameters);
  parameters.order = TokenOrder::spatial;
  const auto spatial = reduce_with(clip, {}, parameters);
  ASSERT_EQ(published.tokens.size(), spatial.tokens.size());
  const auto keys = [](const Reduction& result) {
    std::multiset<std::tuple<int, int, std::int64_t, int>> all;
    for (std::size_t i = 0; i < result.tokens.key.size(); ++i)
      all.emplace(result.tokens.frame[i], result.tokens.position[i], result.tokens.weight[i],
                  result.tokens.kind[i]);
    return all;
  };
  EXPECT_EQ(keys(published), keys(spatial));
  for (std::size_t i = 1; i < spatial.tokens.key.size(); ++i)
    if (spatial.tokens.frame[i] == spatial.tokens.frame[i - 1]) {
      EXPECT_LT(spatial.tokens.position[i - 1], spatial.tokens.position[i]);
    }
}

TEST(Reduce, HugeFiniteValuesStayFinite) {
  test::Random random(8);
  const test::ClipShape shape{4, 12, 8};
  auto values = test::random_clip(random, shape, {.repeat = 1, .noise = 0.001});
  for (auto& value : values) value *= 4e37f;
  HolitomParameters parameters;
  parameters.retain = 0.1;
  const auto result = reduce_with(test::clip_tensor(values, shape), {}, parameters);
  EXPECT_GT(result.tokens.size(), 0);
  for (const float value : result.tokens.features.as<float>()) EXPECT_TRUE(std::isfinite(value));
}

TEST(Reduce, NamesBadArguments) {
  kernels::Resources resources(1);
  const HolitomParameters parameters;
  const kernels::Tensor flat(DType::f32, {4, 4});
  const kernels::Tensor whole(DType::i32, {2, 4, 4});
  const kernels::Tensor none(DType::f32, {0, 4, 4});
  const kernels::Tensor fine(DType::f32, {2, 4, 4});
  const kernels::Tensor attention(DType::f32, {2, 5});
  EXPECT_THROW((void)reduce(resources, flat, TensorView(), parameters), Error);
  EXPECT_THROW((void)reduce(resources, whole, TensorView(), parameters), Error);
  EXPECT_THROW((void)reduce(resources, none, TensorView(), parameters), Error);
  EXPECT_THROW((void)reduce(resources, fine, attention, parameters), Error);
}

}  // namespace
}  // namespace sluice::temporal
