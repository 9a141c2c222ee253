#include "kernels/density_peaks.h"

#include <gtest/gtest.h>

#include "tests/support/oracles.h"
#include "tests/support/random_clip.h"

namespace sluice::kernels {
namespace {

test::Matrix matrix_of(const std::vector<float>& values, std::size_t n, std::size_t width) {
  test::Matrix rows(n, std::vector<double>(width));
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t d = 0; d < width; ++d) rows[i][d] = static_cast<double>(values[i * width + d]);
  return rows;
}

DensityPeaks peaks_of(Resources& resources, const std::vector<float>& values, std::int64_t n,
                      std::int64_t width, std::int64_t centres, std::int64_t neighbours) {
  DensityPeaksWorkspace workspace;
  DensityPeaks peaks;
  density_peaks(resources, TensorView(values.data(), DType::f32, {n, width}), centres, neighbours,
                workspace, peaks);
  return peaks;
}

TEST(DensityPeaks, AgreesWithADoubleOracle) {
  test::Random random(31);
  int compared = 0;
  for (std::int64_t round = 0; round < test::cases(4000, 10); ++round) {
    const std::int64_t n = random.integer(1, 40);
    const std::int64_t width = random.integer(1, 80);
    const std::int64_t centres = random.integer(1, n);
    const std::int64_t neighbours = random.integer(1, 9);
    // Clustered rows, near-duplicates and exact duplicates among them.
    std::vector<float> values(static_cast<std::size_t>(n * width));
    for (std::int64_t i = 0; i < n; ++i) {
      const bool follows = i > 0 && random.chance(0.5);
      const float noise = random.chance(0.3) ? 0.0f : random.chance(0.5) ? 1e-4f : 0.3f;
      const std::int64_t parent = follows ? random.integer(0, i - 1) : 0;
      for (std::int64_t d = 0; d < width; ++d) {
        const float fresh = random.normal();
        values[static_cast<std::size_t>(i * width + d)] =
            follows ? values[static_cast<std::size_t>(parent * width + d)] + noise * fresh : fresh;
      }
    }
    const auto expected = test::density_peaks(
        matrix_of(values, static_cast<std::size_t>(n), static_cast<std::size_t>(width)),
        static_cast<int>(centres), static_cast<int>(neighbours));
    if (expected.margin < 1e-11) continue;  // a tie in exact arithmetic that doubles can't see
    ++compared;
    for (const auto set : available_instruction_sets())
      for (const int threads : {1, 3}) {
        Resources resources(threads, set);
        const auto peaks = peaks_of(resources, values, n, width, centres, neighbours);
        ASSERT_EQ(peaks.centres,
                  (std::vector<std::int32_t>(expected.centres.begin(), expected.centres.end())))
            << "round " << round << " " << name(set);
        ASSERT_EQ(peaks.cluster,
                  (std::vector<std::int32_t>(expected.cluster.begin(), expected.cluster.end())))
            << "round " << round << " " << name(set);
      }
  }
  EXPECT_GT(compared, test::cases(4000, 10) / 2);
}

TEST(DensityPeaks, IdenticalRowsTieToTheLowestIndex) {
  const std::vector<float> values(20 * 6, 0.5f);
  Resources resources(2);
  const auto peaks = peaks_of(resources, values, 20, 6, 3, 7);
  EXPECT_EQ(peaks.centres, (std::vector<std::int32_t>{0, 1, 2}));
  for (std::size_t i = 3; i < 20; ++i) EXPECT_EQ(peaks.cluster[i], 0);
}

TEST(DensityPeaks, OneCentreIsTheFirstRow) {
  test::Random random(4);
  std::vector<float> values(30 * 5);
  for (auto& value : values) value = random.normal();
  Resources resources(1);
  // k = min(K, 1) = 1 makes every density 1: the first row is the densest.
  const auto peaks = peaks_of(resources, values, 30, 5, 1, 7);
  EXPECT_EQ(peaks.centres, (std::vector<std::int32_t>{0}));
}

TEST(DensityPeaks, LargeOffsetsDontDrownTheDistances) {
  // All rows share a large common part: the f32 product cancels, the referee must not.
  test::Random random(77);
  const std::int64_t n = 24;
  const std::int64_t width = 64;
  std::vector<float> values(static_cast<std::size_t>(n * width));
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t d = 0; d < width; ++d)
      values[static_cast<std::size_t>(i * width + d)] = 300.0f + 0.05f * random.normal();
  const auto expected =
      test::density_peaks(matrix_of(values, static_cast<std::size_t>(n), 64), 6, 7);
  for (const auto set : available_instruction_sets()) {
    Resources resources(2, set);
    const auto peaks = peaks_of(resources, values, n, width, 6, 7);
    EXPECT_EQ(peaks.centres,
              (std::vector<std::int32_t>(expected.centres.begin(), expected.centres.end())));
    EXPECT_EQ(peaks.cluster,
              (std::vector<std::int32_t>(expected.cluster.begin(), expected.cluster.end())));
  }
}

TEST(DensityPeaks, RowsTooLargeForSinglePrecisionProducts) {
  test::Random random(5);
  std::vector<float> values(12 * 8);
  for (auto& value : values) value = 1e25f * random.normal();
  const auto expected = test::density_peaks(matrix_of(values, 12, 8), 4, 3);
  Resources resources(1);
  const auto peaks = peaks_of(resources, values, 12, 8, 4, 3);
  EXPECT_EQ(peaks.centres,
            (std::vector<std::int32_t>(expected.centres.begin(), expected.centres.end())));
}

TEST(DensityPeaks, RejectsImpossibleCounts) {
  Resources resources(1);
  const std::vector<float> values(12, 1.0f);
  EXPECT_THROW((void)peaks_of(resources, values, 3, 4, 4, 7), Error);
  EXPECT_THROW((void)peaks_of(resources, values, 3, 4, 0, 7), Error);
  EXPECT_THROW((void)peaks_of(resources, values, 3, 4, 1, 0), Error);
}

}  // namespace
}  // namespace sluice::kernels
