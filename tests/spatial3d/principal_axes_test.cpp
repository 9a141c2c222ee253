#include "spatial3d/principal_axes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/support/random_clip.h"

namespace sluice::spatial3d {
namespace {

using stream::Vec3;

double dot(const Vec3& a, const Vec3& b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

Vec3 times(const Symmetric3& m, const Vec3& v) {
  return {m[0] * v[0] + m[1] * v[1] + m[2] * v[2], m[1] * v[0] + m[3] * v[1] + m[4] * v[2],
          m[2] * v[0] + m[4] * v[1] + m[5] * v[2]};
}

/// Σ variance[i] · direction[i] · direction[i]ᵀ
Symmetric3 with_axes(const std::array<double, 3>& variance, const std::array<Vec3, 3>& direction) {
  Symmetric3 m{};
  for (std::size_t i = 0; i < 3; ++i) {
    const Vec3& d = direction[i];
    const double products[6] = {d[0] * d[0], d[0] * d[1], d[0] * d[2],
                                d[1] * d[1], d[1] * d[2], d[2] * d[2]};
    for (std::size_t k = 0; k < 6; ++k) m[k] += variance[i] * products[k];
  }
  return m;
}

std::array<Vec3, 3> random_axes(test::Random& random) {
  const stream::Pose turn = stream::pose_from_quaternion(
      {0, 0, 0}, random.normal(), random.normal(), random.normal(), random.normal(), "test");
  return {Vec3{turn[0], turn[4], turn[8]}, Vec3{turn[1], turn[5], turn[9]},
          Vec3{turn[2], turn[6], turn[10]}};
}

void expect_eigen_system(const Symmetric3& m, const PrincipalAxes& axes) {
  double scale = 0;
  for (const double entry : m) scale = std::max(scale, std::abs(entry));
  for (std::size_t i = 0; i < 3; ++i) {
    const Vec3& d = axes.direction[i];
    const Vec3 image = times(m, d);
    for (std::size_t a = 0; a < 3; ++a)
      ASSERT_NEAR(image[a], axes.variance[i] * d[a], 4e-15 * scale) << "axis " << i;
    for (std::size_t j = 0; j < 3; ++j)
      ASSERT_NEAR(dot(d, axes.direction[j]), i == j ? 1 : 0, 4e-15) << i << " and " << j;
    const std::size_t largest = static_cast<std::size_t>(
        std::max_element(d.begin(), d.end(),
                         [](double x, double y) { return std::abs(x) < std::abs(y); }) -
        d.begin());
    ASSERT_GT(d[largest], 0) << "axis " << i;
  }
  ASSERT_LE(axes.variance[0], axes.variance[1]);
  ASSERT_LE(axes.variance[1], axes.variance[2]);
}

TEST(PrincipalAxes, DiagonalMatricesAreSorted) {
  const PrincipalAxes axes = principal_axes({3, 0, 0, 1, 0, 2});
  EXPECT_EQ(axes.variance, (std::array<double, 3>{1, 2, 3}));
  EXPECT_EQ(axes.direction[0], (Vec3{0, 1, 0}));
  EXPECT_EQ(axes.direction[1], (Vec3{0, 0, 1}));
  EXPECT_EQ(axes.direction[2], (Vec3{1, 0, 0}));
}

TEST(PrincipalAxes, PlaneLineAndNothing) {
  const PrincipalAxes plane = principal_axes({0.5, -0.5, 0, 0.5, 0, 1});  // x + y = 0
  EXPECT_NEAR(plane.variance[0], 0, 1e-16);
  EXPECT_NEAR(plane.direction[0][0], std::sqrt(0.5), 1e-15);
  EXPECT_NEAR(plane.direction[0][1], std::sqrt(0.5), 1e-15);

  const PrincipalAxes line = principal_axes({1, 2, -2, 4, -4, 4});  // along (1, 2, −2)
  EXPECT_NEAR(line.variance[2], 9, 1e-14);
  EXPECT_NEAR(line.variance[1], 0, 1e-14);
  EXPECT_NEAR(std::abs(dot(line.direction[2], {1.0 / 3, 2.0 / 3, -2.0 / 3})), 1, 1e-15);

  const PrincipalAxes nothing = principal_axes({});
  EXPECT_EQ(nothing.variance, (std::array<double, 3>{0, 0, 0}));
  EXPECT_EQ(nothing.direction[0], (Vec3{1, 0, 0}));
  EXPECT_EQ(nothing.direction[2], (Vec3{0, 0, 1}));
}

TEST(PrincipalAxes, FindsWhatAMatrixWasMadeOf) {
  test::Random random(31);
  for (std::int64_t round = 0; round < test::cases(200'000); ++round) {
    // From round balls to needles, from 1e-12 to 1e12; now and then two equal or none at all.
    std::array<double, 3> variance{};
    for (double& v : variance) v = std::pow(10, random.between(-12, 0));
    if (random.chance(0.2)) variance[1] = variance[0];
    if (random.chance(0.2)) variance[0] = 0;
    const double scale = std::pow(10, random.between(-12, 12));
    for (double& v : variance) v *= scale;
    const Symmetric3 m = with_axes(variance, random_axes(random));
    const PrincipalAxes axes = principal_axes(m);
    std::sort(variance.begin(), variance.end());
    for (std::size_t i = 0; i < 3; ++i)
      ASSERT_NEAR(axes.variance[i], variance[i], 4e-15 * variance[2]) << "seed 31 round " << round;
    expect_eigen_system(m, axes);
  }
}

TEST(PrincipalAxes, ExtremeScalesNeitherOverflowNorVanish) {
  for (const double scale : {1e-300, 1e-150, 1e150, 1e300}) {
    const PrincipalAxes axes = principal_axes({2 * scale, scale, 0, 2 * scale, 0, 5 * scale});
    EXPECT_NEAR(axes.variance[0] / scale, 1, 1e-14);
    EXPECT_NEAR(axes.variance[1] / scale, 3, 1e-14);
    EXPECT_NEAR(axes.variance[2] / scale, 5, 1e-14);
    EXPECT_NEAR(axes.direction[0][0], std::sqrt(0.5), 1e-14);
  }
  EXPECT_EQ(principal_axes({5e-324, 0, 0, 0, 0, 0}).direction[0], (Vec3{1, 0, 0}));
}

TEST(PrincipalAxes, SpreadOfPoints) {
  test::Random random(32);
  std::vector<Vec3> points(50);
  SpreadSum sum;
  for (Vec3& point : points) {
    point = {random.between(-1, 3), random.between(0, 0.1), random.between(-5, -4)};
    sum.add(point);
  }
  Vec3 mean{};
  for (const Vec3& point : points)
    for (std::size_t a = 0; a < 3; ++a) mean[a] += point[a] / 50;
  Symmetric3 covariance{};
  for (const Vec3& point : points) {
    const Vec3 d{point[0] - mean[0], point[1] - mean[1], point[2] - mean[2]};
    const double products[6] = {d[0] * d[0], d[0] * d[1], d[0] * d[2],
                                d[1] * d[1], d[1] * d[2], d[2] * d[2]};
    for (std::size_t k = 0; k < 6; ++k) covariance[k] += products[k] / 50;
  }
  EXPECT_EQ(sum.count(), 50);
  for (std::size_t a = 0; a < 3; ++a) EXPECT_NEAR(sum.mean()[a], mean[a], 1e-14);
  for (std::size_t k = 0; k < 6; ++k) EXPECT_NEAR(sum.covariance()[k], covariance[k], 1e-13);
}

TEST(PrincipalAxes, SpreadsWithDifferentOriginsAddUp) {
  test::Random random(33);
  const Vec3 offset{0.5, -2, 1};
  SpreadSum all, here, there;
  for (int i = 0; i < 40; ++i) {
    const Vec3 point{random.between(-1, 1), random.between(-1, 1), random.between(-1, 1)};
    all.add(point);
    if (i % 3 == 0)
      here.add(point);
    else
      there.add({point[0] - offset[0], point[1] - offset[1], point[2] - offset[2]});
  }
  here.add(there, offset);
  EXPECT_EQ(here.count(), 40);
  for (std::size_t a = 0; a < 3; ++a) EXPECT_NEAR(here.mean()[a], all.mean()[a], 1e-14);
  for (std::size_t k = 0; k < 6; ++k) EXPECT_NEAR(here.covariance()[k], all.covariance()[k], 1e-13);
}

}  // namespace
}  // namespace sluice::spatial3d
