// Density peaks on the device against the CPU's: the same centres, clusters and scores.
#include "kernels/cuda/density_peaks.h"

#include "kernels/density_peaks.h"
#include "tests/support/cuda_device.h"
#include "tests/support/random_clip.h"

namespace sluice::kernels {
namespace {

using CudaDensityPeaks = test::CudaTest;
SLUICE_INSTANTIATE_CUDA_TEST(CudaDensityPeaks);

/// Clustered rows, near-duplicates and exact duplicates among them.
std::vector<float> clustered_rows(test::Random& random, std::int64_t n, std::int64_t width) {
  std::vector<float> values(static_cast<std::size_t>(n * width));
  for (std::int64_t i = 0; i < n; ++i) {
    const bool follows = i > 0 && random.chance(0.5);
    const float noise = random.chance(0.3) ? 0.0F : random.chance(0.5) ? 1e-4F : 0.3F;
    const std::int64_t parent = follows ? random.integer(0, i - 1) : 0;
    for (std::int64_t d = 0; d < width; ++d) {
      const float fresh = random.normal();
      values[static_cast<std::size_t>(i * width + d)] =
          follows ? values[static_cast<std::size_t>(parent * width + d)] + noise * fresh : fresh;
    }
  }
  return values;
}

TEST_P(CudaDensityPeaks, AreTheCpus) {
  test::Random random(3201);
  DensityPeaksWorkspace workspace;
  for (std::int64_t round = 0; round < test::cases(8'000, 80); ++round) {
    constexpr std::int64_t widths[] = {1, 3, 31, 32, 33, 80};
    const std::int64_t width = widths[random.integer(0, 5)];
    const std::int64_t neighbours = random.integer(1, 9);
    std::vector<cuda::ClusterProblem> problems;
    std::vector<float> rows;
    for (std::int64_t problem = random.integer(1, 4); problem > 0; --problem) {
      const std::int64_t n = random.integer(1, 40);
      problems.push_back({n, random.integer(1, n)});
      const auto own = clustered_rows(random, n, width);
      rows.insert(rows.end(), own.begin(), own.end());
    }
    const std::int64_t total = static_cast<std::int64_t>(rows.size()) / width;
    const cuda::StreamResources::Scratch scratch(device());
    const auto device_rows = on_device(TensorView(rows.data(), DType::f32, {total, width}));
    // Few entries: problems take turns.
    const std::int64_t entries = random.chance(0.5) ? 1000 : 100'000;
    const auto found = cuda::density_peaks(device(), device_rows, problems, neighbours, entries);
    std::int64_t row = 0, centre = 0;
    for (const auto& [n, centres] : problems) {
      DensityPeaks expected;
      density_peaks(host(), TensorView(rows.data() + row * width, DType::f32, {n, width}), centres,
                    neighbours, workspace, expected);
      ASSERT_EQ(values_of(found.centres + centre, centres), expected.centres) << "round " << round;
      ASSERT_EQ(values_of(found.cluster + row, n), expected.cluster) << "round " << round;
      const auto scores = values_of(found.centre_score + centre, centres);
      for (std::size_t c = 0; c < scores.size(); ++c)  // the CPU's exp() may differ in its last bit
        ASSERT_FLOAT_EQ(scores[c], expected.centre_score[c]);
      row += n;
      centre += centres;
    }
  }
}

TEST_P(CudaDensityPeaks, IdenticalRowsTieToTheLowestIndex) {
  const Tensor rows = Tensor::from<float>(std::vector<float>(70 * 6, 0.5F), {70, 6});
  const auto device_rows = on_device(rows);
  const cuda::StreamResources::Scratch scratch(device());
  const cuda::ClusterProblem problem{70, 3};
  const auto found = cuda::density_peaks(device(), device_rows, {&problem, 1}, 7);
  EXPECT_EQ(values_of(found.centres, 3), (std::vector<std::int32_t>{0, 1, 2}));
  std::vector<std::int32_t> expected(70, 0);
  expected[1] = 1, expected[2] = 2;
  EXPECT_EQ(values_of(found.cluster, 70), expected);
}

TEST_P(CudaDensityPeaks, LargeOffsetsAndHugeRows) {
  test::Random random(3202);
  DensityPeaksWorkspace workspace;
  for (const auto& [offset, size] :
       {std::pair(300.0F, 0.05F), std::pair(0.0F, 1e25F), std::pair(0.0F, 1e-25F)}) {
    std::vector<float> values(24 * 64);
    for (auto& value : values) value = offset + size * random.normal();
    const TensorView rows(values.data(), DType::f32, {24, 64});
    DensityPeaks expected;
    density_peaks(host(), rows, 6, 7, workspace, expected);
    const auto device_rows = on_device(rows);
    const cuda::StreamResources::Scratch scratch(device());
    const cuda::ClusterProblem problem{24, 6};
    const auto found = cuda::density_peaks(device(), device_rows, {&problem, 1}, 7);
    EXPECT_EQ(values_of(found.centres, 6), expected.centres) << size;
    EXPECT_EQ(values_of(found.cluster, 24), expected.cluster) << size;
  }
}

TEST_P(CudaDensityPeaks, RefusesWhatDoesNotFit) {
  const auto rows = on_device(Tensor(DType::f32, {3, 4}));
  const auto refuses = [&](const TensorView& tensor, const cuda::ClusterProblem& problem,
                           std::int64_t neighbours) {
    EXPECT_THROW((void)cuda::density_peaks(device(), tensor, {&problem, 1}, neighbours), Error);
  };
  refuses(rows, {3, 4}, 7);
  refuses(rows, {3, 0}, 7);
  refuses(rows, {2, 1}, 7);
  refuses(rows, {3, 1}, 0);
  refuses(Tensor(DType::f32, {3, 4}), {3, 1}, 7);
  refuses(on_device(Tensor(DType::f16, {3, 4})), {3, 1}, 7);
}

}  // namespace
}  // namespace sluice::kernels
