#include "kernels/point_sampling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "kernels/error.h"
#include "tests/support/random_clip.h"

namespace sluice::kernels {
namespace {

using Indices = std::vector<std::int32_t>;

/// Greedy farthest-point sampling as point_sampling.h defines it, over all points in every step.
Indices farthest_by_definition(const std::vector<float>& xyz, std::int64_t k) {
  const std::size_t n = xyz.size() / 3;
  const auto at = [&](std::size_t i, std::size_t axis) {
    return static_cast<double>(xyz[3 * i + axis]);
  };
  std::vector<bool> finite(n), chosen(n, false);
  std::array<double, 3> centroid{};
  double count = 0;
  for (std::size_t i = 0; i < n; ++i) {
    finite[i] = std::isfinite(at(i, 0)) && std::isfinite(at(i, 1)) && std::isfinite(at(i, 2));
    if (!finite[i]) continue;
    ++count;
    for (std::size_t axis = 0; axis < 3; ++axis) centroid[axis] += at(i, axis);
  }
  for (double& value : centroid) value /= count;

  std::vector<double> nearest(n, std::numeric_limits<double>::infinity());
  Indices indices;
  std::array<double, 3> from = centroid;
  while (static_cast<std::int64_t>(indices.size()) <
         std::min<std::int64_t>(k, static_cast<std::int64_t>(n))) {
    std::size_t best = n;
    for (std::size_t i = 0; i < n; ++i) {
      if (chosen[i] || !finite[i]) continue;
      const double x = at(i, 0) - from[0], y = at(i, 1) - from[1], z = at(i, 2) - from[2];
      nearest[i] = std::min(nearest[i], x * x + y * y + z * z);
      if (best == n || nearest[i] > nearest[best]) best = i;
    }
    if (indices.empty())
      std::fill(nearest.begin(), nearest.end(), std::numeric_limits<double>::infinity());
    if (best == n)  // nothing finite is left
      for (best = 0; chosen[best];) ++best;
    else
      from = {at(best, 0), at(best, 1), at(best, 2)};
    chosen[best] = true;
    indices.push_back(static_cast<std::int32_t>(best));
  }
  std::sort(indices.begin(), indices.end());
  return indices;
}

Indices farthest(const std::vector<float>& xyz, std::int64_t k, int threads = 1) {
  Resources resources(threads);
  Indices indices{-5};
  farthest_points(resources, xyz, k, indices);
  return indices;
}

TEST(FarthestPoints, KnownAnswers) {
  // On a line at 0, 1, 2, 3, 10: the centroid is 3.2, so 10 is first, then 0, then 3.
  const std::vector<float> line{0, 0, 0, 1, 0, 0, 2, 0, 0, 3, 0, 0, 10, 0, 0};
  EXPECT_EQ(farthest(line, 1), (Indices{4}));
  EXPECT_EQ(farthest(line, 2), (Indices{0, 4}));
  EXPECT_EQ(farthest(line, 3), (Indices{0, 3, 4}));
  EXPECT_EQ(farthest(line, 4), (Indices{0, 1, 3, 4})) << "1 and 2 are as far: the lower index";
}

TEST(FarthestPoints, ClampsK) {
  const std::vector<float> points{0, 0, 0, 1, 0, 0};
  EXPECT_EQ(farthest(points, -1), Indices{});
  EXPECT_EQ(farthest(points, 0), Indices{});
  EXPECT_EQ(farthest(points, 2), (Indices{0, 1}));
  EXPECT_EQ(farthest(points, 9), (Indices{0, 1}));
  EXPECT_EQ(farthest({}, 3), Indices{});
}

TEST(FarthestPoints, EqualPointsAreChosenByIndex) {
  EXPECT_EQ(farthest(std::vector<float>(3 * 500, 1.0F), 4), (Indices{0, 1, 2, 3}));
}

TEST(FarthestPoints, PointsThatAreNotFiniteComeLast) {
  const float nan = std::nanf("");
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> points{nan, 0, 0, 1, 0, 0, infinity, 0, 0, 5, 0, 0, 0, 0, -infinity};
  EXPECT_EQ(farthest(points, 2), (Indices{1, 3}));
  EXPECT_EQ(farthest(points, 3), (Indices{0, 1, 3}));
  EXPECT_EQ(farthest(points, 4), (Indices{0, 1, 2, 3}));
  EXPECT_EQ(farthest(points, 5), (Indices{0, 1, 2, 3, 4}));
}

TEST(FarthestPoints, RefusesHalfAPoint) {
  EXPECT_THROW(farthest(std::vector<float>(4, 0.0F), 1), Error);
}

TEST(FarthestPoints, AgreesWithItsDefinition) {
  test::Random random(41);
  const std::int64_t rounds = test::cases(400, 4);
  for (std::int64_t round = 0; round < rounds; ++round) {
    const std::int64_t n = random.integer(1, 1500);
    const bool on_lattice = random.chance(0.4);  // many equal distances
    const bool flat = random.chance(0.2);
    std::vector<float> xyz;
    for (std::int64_t i = 0; i < 3 * n; ++i) {
      if (flat && i % 3 == 2)
        xyz.push_back(-7.0F);
      else if (on_lattice)
        xyz.push_back(0.2F * static_cast<float>(random.integer(-9, 9)));
      else
        xyz.push_back(static_cast<float>(random.between(-4, 4)));
      if (random.chance(0.002)) xyz.back() = std::nanf("");
    }
    const std::int64_t k =
        random.integer(0, random.chance(0.5) ? n : std::min<std::int64_t>(n, 40));
    ASSERT_EQ(farthest(xyz, k, 2), farthest_by_definition(xyz, k)) << "seed 41, round " << round;
  }
}

TEST(FarthestPoints, HugeCoordinatesDoNotOverflow) {
  const std::vector<float> points{3e38F, 0, 0, -3e38F, 0, 0, 1, 2, 3, 0, 3e38F, -3e38F};
  for (std::int64_t k = 1; k < 4; ++k)
    EXPECT_EQ(farthest(points, k), farthest_by_definition(points, k));
}

Indices sample(std::int64_t n, std::int64_t k, std::uint64_t seed) {
  Indices indices{-5};
  seeded_sample(n, k, seed, indices);
  return indices;
}

TEST(SeededSample, IsExactAscendingAndWithoutRepetition) {
  test::Random random(42);
  const std::int64_t rounds = test::cases(20'000);
  for (std::int64_t round = 0; round < rounds; ++round) {
    const std::int64_t n = random.integer(0, 300);
    const std::int64_t k = random.integer(0, n);
    const Indices indices = sample(n, k, static_cast<std::uint64_t>(round));
    ASSERT_EQ(static_cast<std::int64_t>(indices.size()), k);
    ASSERT_TRUE(std::is_sorted(indices.begin(), indices.end()));
    ASSERT_EQ(std::adjacent_find(indices.begin(), indices.end()), indices.end());
    if (k > 0) {
      ASSERT_GE(indices.front(), 0);
      ASSERT_LT(indices.back(), n);
    }
  }
}

TEST(SeededSample, ClampsK) {
  EXPECT_EQ(sample(4, 9, 1), (Indices{0, 1, 2, 3}));
  EXPECT_EQ(sample(4, -9, 1), Indices{});
  EXPECT_EQ(sample(0, 3, 1), Indices{});
}

TEST(SeededSample, RefusesMoreThanIndicesCanCount) {
  EXPECT_THROW(sample(std::int64_t{1} << 31, 3, 1), Error);
  EXPECT_THROW(sample(-1, 0, 1), Error);
}

TEST(SeededSample, IsTheSameOnEveryPlatform) {
  // From the same method written in Python.
  EXPECT_EQ(sample(1000, 8, 0), (Indices{26, 106, 173, 326, 428, 771, 877, 966}));
  EXPECT_EQ(sample(3000, 5, 12345), (Indices{358, 398, 528, 613, 1520}));
  EXPECT_NE(sample(1000, 8, 0), sample(1000, 8, 1));
  // So many of so many that some draws are rejected, which keeps all of them equally likely.
  const Indices many = sample(10'000'000, 5000, 3);
  EXPECT_EQ(std::accumulate(many.begin(), many.end(), std::int64_t{0}), 24'903'160'685);
}

/// Σ (observed − expected)² / expected.
template <typename Counts>
double chi_square(const Counts& counts, double expected) {
  double sum = 0;
  for (const auto& [what, count] : counts)
    sum += (static_cast<double>(count) - expected) * (static_cast<double>(count) - expected) /
           expected;
  return sum;
}

TEST(SeededSample, EverySubsetIsEquallyLikely) {
  constexpr std::uint64_t samples = 21'000;
  std::map<Indices, int> counts;
  for (std::uint64_t seed = 0; seed < samples; ++seed) ++counts[sample(7, 3, seed)];
  ASSERT_EQ(counts.size(), 35U);
  // 34 degrees of freedom: 73.5 is exceeded by chance once in ten thousand times. Seeds are fixed,
  // so this passes or fails for good.
  EXPECT_LT(chi_square(counts, static_cast<double>(samples) / 35), 73.5);
}

TEST(SeededSample, EveryIndexIsEquallyLikely) {
  constexpr std::uint64_t samples = 4000;
  std::map<std::int32_t, int> counts;
  for (std::uint64_t seed = 0; seed < samples; ++seed)
    for (const std::int32_t index : sample(97, 40, seed * 0x10001)) ++counts[index];
  ASSERT_EQ(counts.size(), 97U);
  // Less than a χ² with 96 degrees of freedom, because a sample repeats nothing.
  EXPECT_LT(chi_square(counts, static_cast<double>(samples) * 40 / 97), 160);
}

}  // namespace
}  // namespace sluice::kernels
