#include "spatial3d/information_flow.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "kernels/error.h"
#include "tests/support/random_clip.h"

namespace sluice::spatial3d {
namespace {

using kernels::DType;
using kernels::Resources;
using kernels::Tensor;
using kernels::TensorView;

/// A head's rows sum to one below the diagonal; above it is what a mask should have removed.
Tensor random_attention(test::Random& random, std::int64_t heads, std::int64_t n,
                        DType dtype = DType::f32) {
  Tensor tensor(dtype, heads > 0 ? kernels::Shape{heads, n, n} : kernels::Shape{n, n});
  std::vector<double> row(static_cast<std::size_t>(n));
  for (std::int64_t r = 0; r < std::max<std::int64_t>(heads, 1) * n; ++r) {
    double sum = 0;
    for (auto& value : row) value = random.uniform();
    for (std::int64_t k = 0; k <= r % n; ++k) sum += row[static_cast<std::size_t>(k)];
    for (std::int64_t k = 0; k < n; ++k) {
      const auto value = static_cast<float>(row[static_cast<std::size_t>(k)] / sum);
      const auto at = static_cast<std::size_t>(r * n + k);
      if (dtype == DType::f32) tensor.as<float>()[at] = value;
      if (dtype == DType::f16) tensor.as<kernels::Half>()[at] = kernels::to_half(value);
      if (dtype == DType::bf16) tensor.as<kernels::Bfloat16>()[at] = kernels::to_bfloat16(value);
    }
  }
  return tensor;
}

double element(const Tensor& tensor, std::size_t at) {
  if (tensor.dtype() == DType::f16) return to_float(tensor.as<kernels::Half>()[at]);
  if (tensor.dtype() == DType::bf16) return to_float(tensor.as<kernels::Bfloat16>()[at]);
  return tensor.as<float>()[at];
}

/// Block number of every token, -1 for none, and the segment (0, 1, 2) of every block.
struct OracleBlocks {
  std::vector<int> of_token;
  std::vector<int> segment;
};

OracleBlocks oracle_blocks(const TokenLayout& layout, const FlowOptions& options) {
  OracleBlocks blocks;
  const std::int64_t sizes[3] = {layout.system, layout.spatial, layout.text};
  if (options.borders == BlockBorders::segments) {
    for (int s = 0; s < 3; ++s)
      for (std::int64_t t = 0; t < sizes[s]; ++t) {
        if (t % options.pool == 0) blocks.segment.push_back(s);
        blocks.of_token.push_back(static_cast<int>(blocks.segment.size()) - 1);
      }
    return blocks;
  }
  const std::int64_t whole = layout.total() / options.pool;
  for (std::int64_t t = 0; t < layout.total(); ++t) {
    const std::int64_t b = t / options.pool;
    blocks.of_token.push_back(b < whole ? static_cast<int>(b) : -1);
  }
  for (std::int64_t b = 0; b < whole; ++b)
    blocks.segment.push_back(b < layout.system / options.pool                      ? 0
                             : b < (layout.system + layout.spatial) / options.pool ? 1
                                                                                   : 2);
  return blocks;
}

/// Averages the whole map over heads, then over blocks, then adds up by the definition.
LayerFlow oracle_flow(const Tensor& attention, const TokenLayout& layout,
                      const FlowOptions& options) {
  const auto n = static_cast<std::size_t>(layout.total());
  const std::size_t heads =
      attention.shape().rank() == 3 ? static_cast<std::size_t>(attention.size(0)) : 1;
  const OracleBlocks blocks = oracle_blocks(layout, options);
  const std::size_t m = blocks.segment.size();
  std::vector<double> sum(m * m);
  std::vector<double> area(m * m);
  for (std::size_t q = 0; q < n; ++q)
    for (std::size_t k = 0; k < n; ++k) {
      if (blocks.of_token[q] < 0 || blocks.of_token[k] < 0) continue;
      double mean = 0;
      for (std::size_t h = 0; h < heads; ++h) mean += element(attention, (h * n + q) * n + k);
      const std::size_t at = static_cast<std::size_t>(blocks.of_token[q]) * m +
                             static_cast<std::size_t>(blocks.of_token[k]);
      sum[at] += mean / static_cast<double>(heads);
      area[at] += 1;
    }
  LayerFlow flow;
  for (std::size_t a = 0; a < m; ++a)
    for (std::size_t b = a + 1; b < m; ++b) {
      const double value = sum[b * m + a] / area[b * m + a];
      if (blocks.segment[a] == 1 && blocks.segment[b] == 1) flow.intra += 100 * value;
      if (blocks.segment[a] == 0 && blocks.segment[b] == 1) flow.inter += 100 * 0.7 * value;
      if (blocks.segment[a] == 1 && blocks.segment[b] == 2) flow.inter += 100 * 0.3 * value;
    }
  return flow;
}

TEST(InformationFlow, AgreesWithTheDefinition) {
  const std::uint64_t seed = 42;
  SCOPED_TRACE(seed);
  test::Random random(seed);
  Resources resources(2);
  for (std::int64_t round = 0; round < test::cases(6000); ++round) {
    const TokenLayout layout{random.integer(0, 15), random.integer(1, 40), random.integer(0, 15)};
    const FlowOptions options{
        .pool = random.integer(1, 12),
        .borders = random.chance(0.5) ? BlockBorders::segments : BlockBorders::parity};
    const DType types[] = {DType::f32, DType::f16, DType::bf16};
    const auto attention =
        random_attention(random, random.integer(0, 3), layout.total(), types[random.integer(0, 2)]);
    const auto flow = layer_flow(resources, attention, layout, options);
    const auto expected = oracle_flow(attention, layout, options);
    ASSERT_NEAR(flow.intra, expected.intra, 1e-9) << "round " << round;
    ASSERT_NEAR(flow.inter, expected.inter, 1e-9) << "round " << round;
  }
}

// By hand: one token a block, so that every entry counts.
TEST(InformationFlow, SourceIsTheColumnAndTargetTheRow) {
  Tensor map(DType::f32, {4, 4});
  auto a = map.as<float>();
  std::fill(a.begin(), a.end(), 0.0F);
  const TokenLayout layout{1, 2, 1};
  Resources resources(1);
  const auto flow_of = [&](std::size_t row, std::size_t column) {
    std::fill(a.begin(), a.end(), 0.0F);
    a[row * 4 + column] = 0.5F;
    return layer_flow(resources, map, layout, {.pool = 1});
  };
  EXPECT_DOUBLE_EQ(flow_of(2, 1).intra, 50);  // spatial to spatial
  EXPECT_DOUBLE_EQ(flow_of(2, 1).inter, 0);
  EXPECT_DOUBLE_EQ(flow_of(1, 0).inter, 35);  // system to spatial
  EXPECT_DOUBLE_EQ(flow_of(3, 2).inter, 15);  // spatial to text
  EXPECT_DOUBLE_EQ(flow_of(3, 2).intra, 0);
  for (const auto& [row, column] : {std::pair{1, 2}, {0, 1}, {2, 3}, {1, 1}, {3, 0}, {3, 3}}) {
    const auto flow = flow_of(static_cast<std::size_t>(row), static_cast<std::size_t>(column));
    EXPECT_EQ(flow.intra, 0) << row << ' ' << column;
    EXPECT_EQ(flow.inter, 0) << row << ' ' << column;
  }
}

// §3.2: 37 + 1659 + 24 tokens in tens: [0,3), [3,168|169), [169,172).
TEST(InformationFlow, ParityHasThePublishedRanges) {
  const TokenLayout layout{37, 1659, 24};
  Tensor map(DType::f32, {1720, 1720});
  Resources resources(1);
  const auto inter_of = [&](std::int64_t row, std::int64_t column) {
    std::fill(map.as<float>().begin(), map.as<float>().end(), 0.0F);
    map.as<float>()[static_cast<std::size_t>(row * 1720 + column)] = 1;
    return layer_flow(resources, map, layout, {.borders = BlockBorders::parity}).inter;
  };
  EXPECT_NEAR(inter_of(40, 29), 0.7, 1e-9) << "block 2 is the last of the system";
  EXPECT_NEAR(inter_of(40, 30), 0, 1e-9) << "block 3 counts as spatial, though it straddles";
  EXPECT_NEAR(inter_of(1690, 30), 0.3, 1e-9) << "block 169 is the first of the text";
  EXPECT_NEAR(inter_of(1689, 30), 0, 1e-9);
  EXPECT_NEAR(inter_of(1719, 30), 0.3, 1e-9);
}

TEST(InformationFlow, BlocksThatWereAveragedBeforeGiveTheSame) {
  test::Random random(8);
  const TokenLayout layout{20, 70, 30};
  const auto attention = random_attention(random, 0, 120);
  Tensor blocks(DType::f32, {12, 12});
  for (std::size_t b = 0; b < 12; ++b)
    for (std::size_t a = 0; a < 12; ++a) {
      double sum = 0;
      for (std::size_t q = 0; q < 10; ++q)
        for (std::size_t k = 0; k < 10; ++k)
          sum += attention.as<float>()[(b * 10 + q) * 120 + a * 10 + k];
      blocks.as<float>()[b * 12 + a] = static_cast<float>(sum / 100);
    }
  Resources resources(1);
  const auto whole = layer_flow(resources, attention, layout, {});
  const auto pooled = layer_flow(resources, blocks, {2, 7, 3}, {.pool = 1});
  const auto published =
      layer_flow(resources, attention, layout, {.borders = BlockBorders::parity});
  EXPECT_NEAR(whole.intra, pooled.intra, 1e-5);
  EXPECT_NEAR(whole.inter, pooled.inter, 1e-5);
  EXPECT_EQ(whole.intra, published.intra) << "no block straddles a border here";
  EXPECT_EQ(whole.inter, published.inter);
}

TEST(InformationFlow, SameBitsForAnyThreadsAndAnyAlignment) {
  test::Random random(9);
  const TokenLayout layout{13, 101, 17};
  const auto attention = random_attention(random, 3, layout.total());
  Resources one(1);
  const auto expected = layer_flow(one, attention, layout, {});
  for (const int threads : {2, 3, 8}) {
    Resources many(threads);
    const auto flow = layer_flow(many, attention, layout, {});
    EXPECT_EQ(flow.intra, expected.intra);
    EXPECT_EQ(flow.inter, expected.inter);
  }
  std::vector<std::byte> shifted(attention.byte_size() + 1);
  std::memcpy(shifted.data() + 1, attention.data(), attention.byte_size());
  const auto flow =
      layer_flow(one, TensorView(shifted.data() + 1, DType::f32, attention.shape()), layout, {});
  EXPECT_EQ(flow.intra, expected.intra);
}

TEST(InformationFlow, WhatDoesNotFitIsRefused) {
  test::Random random(10);
  auto attention = random_attention(random, 2, 10);
  Resources resources(1);
  const auto refused = [&](const TensorView& map, const TokenLayout& layout, std::int64_t pool) {
    try {
      (void)layer_flow(resources, map, layout, {.pool = pool});
    } catch (const Error& error) {
      return error.kind() == Error::Kind::input;
    }
    return false;
  };
  EXPECT_FALSE(refused(attention, {2, 5, 3}, 4));
  EXPECT_TRUE(refused(attention, {2, 5, 4}, 4));
  EXPECT_TRUE(refused(attention, {5, 0, 5}, 4));
  EXPECT_TRUE(refused(attention, {-1, 8, 3}, 4));
  EXPECT_TRUE(refused(attention, {2, 5, 3}, 0));
  EXPECT_TRUE(refused(TensorView(attention.data(), DType::f32, {10, 20}), {2, 5, 3}, 4));
  EXPECT_TRUE(refused(TensorView(attention.data(), DType::f32, {0, 10, 10}), {2, 5, 3}, 4));
  EXPECT_TRUE(refused(TensorView(attention.data(), DType::f32, {200}), {2, 5, 3}, 4));
  EXPECT_TRUE(refused(TensorView(attention.data(), DType::i32, {10, 10}), {2, 5, 3}, 4));
  attention.as<float>()[10 * 9] = NAN;
  EXPECT_FALSE(refused(attention, {2, 5, 3}, 4)) << "system to text is not looked at";
  attention.as<float>()[10 * 9 + 3] = INFINITY;
  EXPECT_TRUE(refused(attention, {2, 5, 3}, 4));
}

TEST(FlowAverage, EverySampleWeighsTheSame) {
  FlowAverage average;
  EXPECT_EQ(average.samples(), 0);
  EXPECT_TRUE(average.mean().empty());
  average.add(std::vector<LayerFlow>{{1, 2}, {3, 4}});
  average.add(std::vector<LayerFlow>{{3, 2}, {5, 0}});
  EXPECT_THROW(average.add(std::vector<LayerFlow>{{9, 9}}), Error);
  EXPECT_EQ(average.samples(), 2);
  const auto mean = average.mean();
  ASSERT_EQ(mean.size(), 2u);
  EXPECT_EQ(mean[0].intra, 2);
  EXPECT_EQ(mean[0].inter, 2);
  EXPECT_EQ(mean[1].intra, 4);
  EXPECT_EQ(mean[1].inter, 2);
}

TEST(Contribution, FollowsThePublishedRecursion) {
  const std::vector<LayerFlow> layers{{10, 1}, {20, 2}, {5, 40}, {0, 0}};
  const auto result = contribution(layers);
  const double m1 = 10 + .73 * 20;
  const double m2 = m1 + .73 * 5;
  const std::vector<double> memory{m1, m2, m2};
  const std::vector<double> raw{.4 * 20 + .3 * 2 + .3 * m1, .4 * 5 + .3 * 40 + .3 * m2, .3 * m2};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(result.memory[i], memory[i], 1e-12);
    EXPECT_NEAR(result.raw[i], raw[i], 1e-12);
    EXPECT_NEAR(result.normalised[i], (raw[i] - raw[2]) / (raw[1] - raw[2]), 1e-12);
  }
  EXPECT_EQ(result.normalised[2], 0);
  EXPECT_EQ(result.normalised[1], 1);
}

TEST(Contribution, ConstantIsZeroAndOneLayerIsRefused) {
  const std::vector<LayerFlow> silent(5);
  EXPECT_EQ(contribution(silent).normalised, std::vector<double>(4, 0.0));
  EXPECT_EQ(contribution(std::vector<LayerFlow>(2)).normalised.size(), 1u);
  EXPECT_THROW((void)contribution(std::vector<LayerFlow>(1)), Error);
  EXPECT_THROW((void)contribution({}), Error);
}

}  // namespace
}  // namespace sluice::spatial3d
