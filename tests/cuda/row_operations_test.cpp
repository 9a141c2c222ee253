// Means, blends, copies and saliency on the device: bit for bit the CPU's.
#include "kernels/cuda/row_operations.h"

#include <cmath>
#include <cstring>
#include <numeric>

#include "kernels/cuda/saliency.h"
#include "kernels/density_peaks.h"
#include "kernels/row_operations.h"
#include "tests/support/cuda_device.h"
#include "tests/support/random_clip.h"

namespace sluice::kernels {
namespace {

using test::ClipShape;
using test::Random;
using CudaRowOperations = test::CudaTest;
SLUICE_INSTANTIATE_CUDA_TEST(CudaRowOperations);

constexpr DType feature_types[] = {DType::f32, DType::f16, DType::bf16};
constexpr std::int64_t widths[] = {1, 3, 31, 32, 33, 300};

std::string bytes_of(const void* data, std::size_t bytes) {
  return {static_cast<const char*>(data), bytes};
}

/// Values so large that sums of two overflow, in some clips.
std::vector<float> clip_values(Random& random, const ClipShape& shape) {
  auto values = test::random_clip(random, shape, {.zero = 0.05, .twin = 0.1});
  if (random.chance(0.3))
    for (float& value : values)
      if (random.chance(0.3)) value = random.chance(0.9) ? 3e38F : 3e18F;
  return values;
}

TEST_P(CudaRowOperations, MeansOverFrames) {
  Random random(3501);
  for (std::int64_t round = 0; round < test::cases(2'000, 40); ++round) {
    const ClipShape shape{random.integer(1, 7), random.integer(1, 9), widths[random.integer(0, 5)]};
    const DType dtype = feature_types[random.integer(0, 2)];
    const Tensor clip = test::clip_tensor(clip_values(random, shape), shape, dtype);
    std::vector<cuda::FrameRun> runs;
    std::vector<float> expected, mean(static_cast<std::size_t>(shape.width));
    for (int run = 0; run < 5; ++run) {
      const std::int64_t first = random.integer(0, shape.frames - 1);
      const std::int64_t frames = random.integer(1, shape.frames - first);
      const std::int32_t position =
          static_cast<std::int32_t>(random.integer(0, shape.positions - 1));
      runs.push_back(
          {static_cast<std::int32_t>(first), static_cast<std::int32_t>(frames), position});
      std::vector<TensorView> views;
      for (std::int64_t f = first; f < first + frames; ++f) views.push_back(clip.view()[f]);
      mean_over_frames(host(), views, {&position, 1}, mean);
      expected.insert(expected.end(), mean.begin(), mean.end());
    }
    const auto features = on_device(clip);
    const cuda::StreamResources::Scratch scratch(device());
    auto* means = device().device_array<float>(5 * shape.width);
    cuda::mean_over_frames(device(), features, runs, means);
    const auto found = values_of(means, 5 * shape.width);
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (std::isnan(expected[i])) continue;  // infinity in f16, minus infinity
      ASSERT_EQ(found[i], expected[i]) << round << ' ' << i;
    }
  }
}

TEST_P(CudaRowOperations, Blends) {
  Random random(3502);
  for (std::int64_t round = 0; round < test::cases(2'000, 40); ++round) {
    const std::int64_t width = widths[random.integer(0, 5)];
    const DType dtype = feature_types[random.integer(0, 2)];
    const ClusterBlend blend{random.uniform(), random.chance(0.3)};
    std::vector<cuda::ClusterProblem> problems;
    std::vector<float> rows;
    std::vector<std::int32_t> centres, cluster;
    std::vector<std::int64_t> output_rows;
    std::vector<DensityPeaks> parts;
    for (int problem = 0; problem < 3; ++problem) {
      const std::int64_t n = random.integer(1, 50), c = random.integer(1, n);
      problems.push_back({n, c});
      const auto own = clip_values(random, {1, n, width});
      rows.insert(rows.end(), own.begin(), own.end());
      std::vector<std::int32_t> order(static_cast<std::size_t>(n));
      std::iota(order.begin(), order.end(), 0);
      DensityPeaks part;
      for (std::int64_t i = 0; i < c; ++i)
        std::swap(order[static_cast<std::size_t>(i)],
                  order[static_cast<std::size_t>(random.integer(i, n - 1))]);
      part.centres.assign(order.begin(), order.begin() + c);
      std::sort(part.centres.begin(), part.centres.end());
      for (std::int64_t i = 0; i < n; ++i)
        part.cluster.push_back(static_cast<std::int32_t>(random.integer(0, c - 1)));
      for (std::int64_t i = 0; i < c; ++i)
        part.cluster[static_cast<std::size_t>(part.centres[static_cast<std::size_t>(i)])] =
            static_cast<std::int32_t>(i);
      centres.insert(centres.end(), part.centres.begin(), part.centres.end());
      cluster.insert(cluster.end(), part.cluster.begin(), part.cluster.end());
      parts.push_back(std::move(part));
    }
    const auto total = static_cast<std::int64_t>(centres.size());
    for (std::int64_t c = 0; c < total; ++c) output_rows.push_back(total - 1 - c);
    Tensor expected(dtype, {total, width});
    std::memset(expected.data(), 0, expected.byte_size());
    std::size_t row = 0, centre = 0;
    for (const auto& part : parts) {
      blend_clusters(host(),
                     std::span(rows).subspan(row * static_cast<std::size_t>(width),
                                             part.cluster.size() * static_cast<std::size_t>(width)),
                     width, part.centres, part.cluster, blend,
                     std::span(output_rows).subspan(centre, part.centres.size()), expected);
      row += part.cluster.size();
      centre += part.centres.size();
    }
    const auto device_rows = on_device(
        TensorView(rows.data(), DType::f32, {static_cast<std::int64_t>(cluster.size()), width}));
    cuda::DeviceTensor output;
    output.reshape(dtype, {total, width});
    const cuda::StreamResources::Scratch scratch(device());
    const cuda::DensityPeaks peaks{device().device_copy(std::span<const std::int32_t>(centres)),
                                   nullptr,
                                   device().device_copy(std::span<const std::int32_t>(cluster))};
    cuda::blend_clusters(device(), device_rows, problems, peaks, blend, output_rows, output);
    Tensor found;
    cuda::download(device(), output, found);
    ASSERT_EQ(bytes_of(found.data(), found.byte_size()),
              bytes_of(expected.data(), expected.byte_size()))
        << "round " << round << ' ' << name(dtype) << ' ' << width;
  }
}

TEST_P(CudaRowOperations, Copies) {
  Random random(3503);
  for (const std::int64_t width : {1, 2, 3, 8, 33, 64})
    for (const DType dtype : feature_types) {
      const ClipShape shape{1, 20, width};
      const Tensor clip = test::clip_tensor(test::random_clip(random, shape), shape, dtype);
      const auto features = on_device(clip.view()[0]);
      cuda::DeviceTensor output;
      output.reshape(dtype, {10, width});
      std::vector<cuda::RowCopy> copies;
      for (std::int64_t row = 0; row < 10; ++row) copies.push_back({random.integer(0, 19), row});
      const cuda::StreamResources::Scratch scratch(device());
      cuda::copy_rows(device(), features, copies, output);
      Tensor found;
      cuda::download(device(), output, found);
      const std::size_t bytes = static_cast<std::size_t>(width) * item_size(dtype);
      for (const auto& [from, to] : copies)
        ASSERT_EQ(std::memcmp(found.view().row(to), clip.view()[0].row(from), bytes), 0);
    }
}

TEST_P(CudaRowOperations, Saliency) {
  Random random(3504);
  for (std::int64_t round = 0; round < test::cases(2'000, 40); ++round) {
    const ClipShape shape{random.integer(1, 5), random.integer(1, 70),
                          widths[random.integer(0, 5)]};
    const DType dtype = feature_types[random.integer(0, 2)];
    auto values = test::random_clip(random, shape, {.broken = 0.03, .zero = 0.05, .twin = 0.2});
    if (random.chance(0.1))
      for (float& value : values) value *= 1e30F;  // squares overflow
    const Tensor clip = test::clip_tensor(values, shape, dtype);
    RedundancyMap map;
    std::vector<TensorView> frames;
    for (std::int64_t f = 0; f < shape.frames; ++f) frames.push_back(clip.view()[f]);
    redundancy_map(host(), frames, 0.8, map);
    std::vector<float> expected(static_cast<std::size_t>(shape.frames * shape.positions));
    const auto positions = static_cast<std::size_t>(shape.positions);
    for (std::size_t f = 0; f < frames.size(); ++f) {
      const auto score = std::span(expected).subspan(f * positions, positions);
      distinctness(host(), frames[f], std::span(map.finite).subspan(f * positions, positions),
                   score);
      for (std::size_t p = 0; f > 0 && p < positions; ++p) {
        const float similarity = map.similarity[(f - 1) * positions + p];
        if (!std::isnan(similarity)) score[p] += 1.0F - similarity;
      }
    }
    const auto features = on_device(clip);
    const cuda::StreamResources::Scratch scratch(device());
    const auto device_map = cuda::redundancy_map(device(), features, 0.8);
    auto* score = device().device_array<float>(static_cast<std::int64_t>(expected.size()));
    cuda::saliency(device(), features, device_map, nullptr, score);
    ASSERT_EQ(values_of(score, static_cast<std::int64_t>(expected.size())), expected)
        << "round " << round << ' ' << name(dtype) << ' ' << clip.shape().to_string();
  }
}

TEST_P(CudaRowOperations, RefuseWhatDoesNotFit) {
  const auto features = on_device(Tensor(DType::f32, {2, 3, 4}));
  const auto rows = on_device(Tensor(DType::f32, {3, 4}));
  const auto narrow = on_device(Tensor(DType::f32, {3, 3}));
  const cuda::FrameRun run{1, 2, 0};
  EXPECT_THROW(cuda::mean_over_frames(device(), features, {&run, 1}, nullptr), Error);
  for (const cuda::RowCopy copy : {cuda::RowCopy{3, 0}, cuda::RowCopy{0, 3}, cuda::RowCopy{-1, 0}})
    EXPECT_THROW(cuda::copy_rows(device(), rows, {&copy, 1}, rows), Error);
  EXPECT_THROW(cuda::copy_rows(device(), rows, {}, narrow), Error);
  const cuda::ClusterProblem problem{3, 1};
  for (const std::int64_t output_row : {-1, 3})
    EXPECT_THROW(
        cuda::blend_clusters(device(), rows, {&problem, 1}, {}, {}, {&output_row, 1}, rows), Error);
  EXPECT_THROW(cuda::blend_clusters(device(), rows, {&problem, 1}, {}, {}, {}, rows), Error);
}

}  // namespace
}  // namespace sluice::kernels
