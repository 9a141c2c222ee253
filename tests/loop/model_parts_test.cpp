// What the model is made of: products, attention, and weights from seeds.
#include <gtest/gtest.h>

#include <numeric>

#include "apps/model/causal_attention.h"
#include "apps/model/matrix_product.h"
#include "apps/model/seeded_weights.h"
#include "apps/model/token_embedding.h"
#include "kernels/error.h"
#include "tests/support/random_clip.h"

namespace sluice::test {
namespace {

std::vector<float> random_values(Random& random, std::int64_t count) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = random.normal();
  return values;
}

TEST(ModelParts, ProductsAddOneByOneOnEveryInstructionSet) {
  const std::int64_t count = cases(2000, 10);
  for (std::int64_t seed = 0; seed < count; ++seed) {
    SCOPED_TRACE(concat("seed ", seed));
    Random random(static_cast<std::uint64_t>(seed));
    const std::int64_t rows = random.integer(0, 20), depth = random.integer(1, 40);
    const std::int64_t width = random.integer(1, 100), columns = random.integer(1, width);
    const std::int64_t inner = random.integer(1, depth), stride = depth + random.integer(0, 3);
    const auto a = random_values(random, rows * stride);
    const auto b = random_values(random, depth * width);
    model::PackedMatrix packed(depth, width);
    for (std::int64_t d = 0; d < depth; ++d) packed.set_row(d, b.data() + d * width);
    const std::int64_t out_stride = columns + 2;
    std::vector<float> out(static_cast<std::size_t>(rows * out_stride), -7);
    model::multiply({a.data(), rows, stride}, packed, inner, columns, out.data(), out_stride);

    for (std::int64_t i = 0; i < rows; ++i)
      for (std::int64_t j = 0; j < out_stride; ++j) {
        float sum = j < columns ? 0 : -7;  // what lies between rows stays as it was
        for (std::int64_t d = 0; j < columns && d < inner; ++d)
          sum += a[static_cast<std::size_t>(i * stride + d)] *
                 b[static_cast<std::size_t>(d * width + j)];
        ASSERT_EQ(out[static_cast<std::size_t>(i * out_stride + j)], sum);
      }
  }
}

TEST(ModelParts, AttentionOfEveryRowIsADistributionOverWhatCameBefore) {
  constexpr std::int64_t width = 24;
  for (const std::int64_t n : {1, 2, 31, 32, 33, 70}) {
    Random random(static_cast<std::uint64_t>(n));
    const auto qkv = random_values(random, n * 3 * width);
    std::vector<float> out(static_cast<std::size_t>(n * width));
    model::AttentionScratch scratch;
    for (std::int64_t row = 0; row < n; ++row) {
      std::vector<float> mean(static_cast<std::size_t>(n), -1);
      const model::AttentionReport report{row, 1, mean};
      model::causal_attention(qkv, width, 3, out, scratch, {&report, 1});
      EXPECT_NEAR(std::accumulate(mean.begin(), mean.end(), 0.0), 1, 1e-5);
      for (std::int64_t j = 0; j < n; ++j) {
        const float value = mean[static_cast<std::size_t>(j)];
        EXPECT_TRUE(j <= row ? value > 0 : value == 0) << "row " << row << ", column " << j;
      }
    }
  }
}

TEST(ModelParts, RowsDoNotChangeWithWhatComesAfterThem) {
  constexpr std::int64_t width = 16, n = 50;
  Random random(1);
  const auto qkv = random_values(random, n * 3 * width);
  std::vector<float> all(n * width);
  model::AttentionScratch scratch;
  model::causal_attention(qkv, width, 2, all, scratch);
  for (const std::int64_t count : {1, 20, 49}) {
    std::vector<float> some(static_cast<std::size_t>(count * width));
    model::causal_attention(std::span(qkv).first(static_cast<std::size_t>(count * 3 * width)),
                            width, 2, some, scratch);
    EXPECT_EQ(some, std::vector<float>(all.begin(), all.begin() + count * width));
  }
}

TEST(ModelParts, WeightsHaveTheVarianceTheyShould) {
  std::vector<float> weights(100000);
  model::fill_random(weights, 25, 1);
  double sum = 0, squares = 0;
  for (const float weight : weights) {
    sum += static_cast<double>(weight);
    squares += static_cast<double>(weight) * static_cast<double>(weight);
  }
  EXPECT_NEAR(sum / 1e5, 0, 0.002);
  EXPECT_NEAR(squares / 1e5, 1.0 / 25, 0.0005);
}

std::vector<float> first_row(const model::PackedMatrix& matrix) {
  std::vector<float> row;
  for (std::int64_t j = 0; j < matrix.columns(); ++j) row.push_back(matrix.at(0, j));
  return row;
}

TEST(ModelParts, ASourcesWeightsDoNotDependOnTheOthers) {
  model::TokenEmbedding alone(16, 1), among(16, 1);
  const auto expected = first_row(alone.weights("wrist", 12).projection);
  const auto embedding = alone.weights("wrist", 12).embedding;
  for (int other = 0; other < 40; ++other) {  // more than are remembered
    (void)among.weights(concat("camera", other), 12);
    if (other % 13 == 0) {
      EXPECT_EQ(first_row(among.weights("wrist", 12).projection), expected);
      EXPECT_EQ(among.weights("wrist", 12).embedding, embedding);
    }
  }
  EXPECT_NE(first_row(among.weights("front", 12).projection), expected);
  EXPECT_NE(first_row(among.weights("wrist", 13).projection), expected);
  EXPECT_NE(first_row(model::TokenEmbedding(16, 2).weights("wrist", 12).projection), expected);
}

}  // namespace
}  // namespace sluice::test
