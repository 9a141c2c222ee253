#include "kernels/row_operations.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "tests/support/random_clip.h"

namespace sluice::kernels {
namespace {

class RowOperations : public ::testing::TestWithParam<InstructionSet> {};

TEST_P(RowOperations, MeansOverFramesMatchDouble) {
  test::Random random(2);
  const test::ClipShape shape{7, 12, 53};
  const auto values = test::random_clip(random, shape);
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
    const Tensor clip = test::clip_tensor(values, shape, dtype);
    std::vector<TensorView> frames;
    for (std::int64_t f = 0; f < shape.frames; ++f) frames.push_back(clip.view()[f]);
    const std::vector<std::int32_t> positions{0, 3, 11};
    std::vector<float> means(3 * 53);
    Resources resources(2, GetParam());
    mean_over_frames(resources, frames, positions, means);
    for (std::size_t i = 0; i < positions.size(); ++i)
      for (std::size_t d = 0; d < 53; ++d) {
        double sum = 0;
        for (std::size_t f = 0; f < 7; ++f)
          sum += static_cast<double>(
              values[(f * 12 + static_cast<std::size_t>(positions[i])) * 53 + d]);
        const double tolerance = dtype == DType::bf16 ? 2e-2 : dtype == DType::f16 ? 2e-3 : 1e-6;
        ASSERT_NEAR(static_cast<double>(means[i * 53 + d]), sum / 7, tolerance);
      }
  }
}

TEST_P(RowOperations, BlendsCentreWithItsMembers) {
  const std::vector<float> rows{0, 0, 10, 20, 2, 4, 4, 8};  // four rows of two
  const std::vector<std::int32_t> centres{0, 1};
  const std::vector<std::int32_t> cluster{0, 1, 0, 0};
  const std::vector<std::int64_t> output_rows{1, 0};
  Resources resources(1, GetParam());
  Tensor output(DType::f32, {2, 2});
  blend_clusters(resources, rows, 2, centres, cluster, {0.6, false}, output_rows, output);
  EXPECT_FLOAT_EQ(output.as<float>()[0], 10.0f) << "no members: the centre itself";
  EXPECT_FLOAT_EQ(output.as<float>()[2], 0.4f * 3.0f);
  EXPECT_FLOAT_EQ(output.as<float>()[3], 0.4f * 6.0f);
  blend_clusters(resources, rows, 2, centres, cluster, {0.6, true}, output_rows, output);
  EXPECT_FLOAT_EQ(output.as<float>()[2], 2.0f);
}

TEST_P(RowOperations, DistinctnessMatchesDouble) {
  test::Random random(6);
  const test::ClipShape shape{1, 30, 45};
  auto values = test::random_clip(random, shape);
  std::fill_n(values.begin(), 45, 0.0f);
  values[2 * 45 + 1] = std::nanf("");
  std::vector<std::uint8_t> finite(30, 1);
  finite[2] = 0;
  const Tensor clip = test::clip_tensor(values, shape);
  std::vector<float> score(30);
  Resources resources(2, GetParam());
  distinctness(resources, clip.view()[0], finite, score);

  std::vector<double> mean(45, 0.0), length(30, 0.0);
  for (std::size_t p = 0; p < 30; ++p) {
    if (finite[p] == 0) continue;
    for (std::size_t d = 0; d < 45; ++d)
      length[p] += std::pow(static_cast<double>(values[p * 45 + d]), 2);
    length[p] = std::sqrt(length[p]);
    for (std::size_t d = 0; d < 45 && length[p] > 0; ++d)
      mean[d] += static_cast<double>(values[p * 45 + d]) / length[p];
  }
  double mean_length = 0;
  for (const double value : mean) mean_length += value * value;
  for (std::size_t p = 0; p < 30; ++p) {
    double dot = 0;
    for (std::size_t d = 0; d < 45 && length[p] > 0; ++d)
      dot += static_cast<double>(values[p * 45 + d]) * mean[d];
    const double expected = length[p] > 0 ? 1 - dot / length[p] / std::sqrt(mean_length) : 0.0;
    ASSERT_NEAR(static_cast<double>(score[p]), expected, 1e-5);
  }
}

TEST(RowOperationsBits, AreTheSameOnEveryInstructionSet) {
  test::Random random(9);
  const test::ClipShape shape{5, 20, 77};
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
    const Tensor clip = test::clip_tensor(test::random_clip(random, shape), shape, dtype);
    std::vector<TensorView> frames;
    for (std::int64_t f = 0; f < shape.frames; ++f) frames.push_back(clip.view()[f]);
    const std::vector<std::int32_t> positions{1, 5, 19};
    const std::vector<std::uint8_t> finite(20, 1);
    std::vector<std::vector<float>> means, scores;
    for (const auto set : available_instruction_sets())
      for (const int threads : {1, 2, 4}) {
        Resources resources(threads, set);
        means.emplace_back(3 * 77);
        mean_over_frames(resources, frames, positions, means.back());
        scores.emplace_back(20);
        distinctness(resources, frames[0], finite, scores.back());
        ASSERT_EQ(means.back(), means.front()) << name(set) << " " << threads;
        ASSERT_EQ(scores.back(), scores.front()) << name(set) << " " << threads;
      }
  }
}

TEST_P(RowOperations, MarksRowsThatAreNotFinite) {
  const std::int64_t width = 37;
  const float infinite = std::numeric_limits<float>::infinity();
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
    std::vector<float> values(static_cast<std::size_t>(5 * width), 1.0F);
    values[0] = std::nanf("");
    values[static_cast<std::size_t>(2 * width - 1)] = infinite;
    values[static_cast<std::size_t>(3 * width - 2)] = -infinite;
    // The square of what is just large doesn't fit into f32.
    values[static_cast<std::size_t>(3 * width)] = dtype == DType::f16 ? 60'000.0F : -3e38F;
    const Tensor rows = test::clip_tensor(values, {1, 5, width}, dtype);
    std::vector<std::uint8_t> finite(5, 9);
    Resources resources(2, GetParam());
    mark_finite(resources, rows.view()[0], finite);
    EXPECT_EQ(finite, (std::vector<std::uint8_t>{0, 0, 0, 1, 1})) << name(dtype);
  }
}

INSTANTIATE_TEST_SUITE_P(AllSets, RowOperations, ::testing::ValuesIn(available_instruction_sets()),
                         [](const auto& set) { return std::string(name(set.param)); });

}  // namespace
}  // namespace sluice::kernels
