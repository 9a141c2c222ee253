#include "spatial3d/cloud_elements.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <numeric>
#include <vector>

#include "kernels/error.h"
#include "spatial3d/cloud_descriptor.h"
#include "stream/pose.h"
#include "tests/support/random_clip.h"

namespace sluice::spatial3d {
namespace {

using stream::Pose;
using stream::Vec3;

constexpr float voxel_size = 0.1F;

struct Cloud {
  std::vector<float> points;
  std::vector<std::uint8_t> colours;

  void add(const Vec3& point, const std::array<std::uint8_t, 3>& colour) {
    for (const double coordinate : point) points.push_back(static_cast<float>(coordinate));
    colours.insert(colours.end(), colour.begin(), colour.end());
  }
  [[nodiscard]] std::int64_t size() const { return static_cast<std::int64_t>(points.size() / 3); }
};

CloudElements elements_of(const Cloud& cloud, bool with_colours = true,
                          const Pose& pose = stream::identity_pose(), int threads = 1) {
  kernels::Resources resources(threads);
  CloudElements elements;
  const kernels::TensorView points(cloud.points.data(), kernels::DType::f32, {cloud.size(), 3});
  const kernels::TensorView colours(cloud.colours.data(), kernels::DType::u8, {cloud.size(), 3});
  cloud_elements(resources, points, with_colours ? colours : kernels::TensorView(), pose,
                 voxel_size, elements);
  return elements;
}

std::span<const float> feature(const CloudElements& elements, std::int64_t row) {
  return elements.features.as<float>().subspan(static_cast<std::size_t>(row * cloud_feature_width),
                                               cloud_feature_width);
}

double dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

double cosine(std::span<const float> a, std::span<const float> b) {
  return dot(a, b) / std::sqrt(dot(a, a) * dot(b, b));
}

std::int64_t element_at(const CloudElements& elements, const Vec3& place) {
  std::int64_t best = -1;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < elements.points.size(); ++i) {
    double distance = 0;
    for (std::size_t a = 0; a < 3; ++a) distance += std::pow(elements.xyz[3 * i + a] - place[a], 2);
    if (distance < least) {
      least = distance;
      best = static_cast<std::int64_t>(i);
    }
  }
  return best;
}

constexpr std::array<std::uint8_t, 3> red{200, 30, 20}, blue{20, 40, 190}, grey{128, 128, 128};

/// A floor (z = 0), a wall (x = 1.5), a pole (along z at x = y = 0.5 m) and a bush of points, with
/// noise, as a depth camera sees them.
Cloud room(test::Random& random) {
  Cloud cloud;
  const auto noise = [&] { return 0.002 * random.normal(); };
  for (int i = 0; i < 20'000; ++i)
    cloud.add({random.between(0, 1.5), random.between(0, 1), noise()},
              i % 2 == 0 ? std::array<std::uint8_t, 3>{190, 30, 20} : red);
  for (int i = 0; i < 10'000; ++i)
    cloud.add({1.5 + noise(), random.between(0, 1), random.between(0, 1)}, red);
  for (int i = 0; i < 500; ++i)
    cloud.add({0.5 + noise(), 0.5 + noise(), random.between(0.3, 1)}, grey);
  for (int i = 0; i < 2'000; ++i)
    cloud.add({random.between(0.8, 1.2), random.between(0.3, 0.7), random.between(0.6, 1)}, blue);
  return cloud;
}

TEST(CloudElements, DescribeSurfacesLinesAndBushes) {
  test::Random random(41);
  const CloudElements elements = elements_of(room(random));
  const auto at = [&](const Vec3& place) { return feature(elements, element_at(elements, place)); };
  const auto floor = at({0.2, 0.2, 0}), floor_elsewhere = at({1.1, 0.8, 0});
  const auto wall = at({1.5, 0.5, 0.5}), pole = at({0.5, 0.5, 0.6}), bush = at({1, 0.5, 0.8});
  EXPECT_GT(cosine(floor, floor_elsewhere), 0.98);
  EXPECT_LT(cosine(floor, wall), 0.6) << "the same colour, another direction";
  EXPECT_LT(cosine(floor, pole), 0.6);
  EXPECT_LT(cosine(wall, pole), 0.6);
  EXPECT_LT(cosine(floor, bush), 0.4);
  EXPECT_LT(cosine(pole, bush), 0.7);
  // Columns as documented: planarity, linearity, scattering dominate where they should.
  const auto length = [](std::span<const float> row, std::size_t first, std::size_t count) {
    return std::sqrt(dot(row.subspan(first, count), row.subspan(first, count)));
  };
  EXPECT_GT(length(floor, 8, 6), 0.8);
  EXPECT_GT(length(pole, 14, 6), 0.8);
  EXPECT_GT(length(bush, 20, 1), 0.6);
  EXPECT_NEAR(floor[10] / length(floor, 8, 6), std::sqrt(1.5) * (1 - 1.0 / 3), 0.01) << "n = z";
}

TEST(CloudElements, GroupsHaveTheirLengths) {
  test::Random random(42);
  const Cloud cloud = room(random);
  const CloudElements coloured = elements_of(cloud), plain = elements_of(cloud, false);
  for (std::int64_t row = 0; row < coloured.features.size(0); ++row) {
    const auto f = feature(coloured, row), p = feature(plain, row);
    const auto squared = [](std::span<const float> row_, std::size_t first, std::size_t count) {
      return dot(row_.subspan(first, count), row_.subspan(first, count));
    };
    ASSERT_NEAR(squared(f, 0, 6), 1, 1e-6);
    ASSERT_NEAR(squared(f, 6, 2), 0.25, 1e-6);
    ASSERT_NEAR(squared(f, 8, 14), 1, 1e-6);
    ASSERT_NEAR(squared(f, 22, 8), 0.5, 1e-6);
    ASSERT_NEAR(squared(f, 30, 2), 0.25, 1e-6);
    ASSERT_EQ(squared(p, 0, 8), 0);
    ASSERT_TRUE(std::equal(f.begin() + 8, f.end(), p.begin() + 8));
  }
}

TEST(CloudElements, ColoursAreTold) {
  const auto patch = [](std::array<std::uint8_t, 3> colour) {
    test::Random random(43);
    Cloud cloud;
    for (int i = 0; i < 200; ++i)
      cloud.add({random.between(-0.04, 0.04), random.between(-0.04, 0.04), 0}, colour);
    return elements_of(cloud);
  };
  const CloudElements a = patch({200, 30, 20}), shaded = patch({190, 28, 18});
  const CloudElements b = patch({20, 200, 30}), black = patch({0, 0, 0}),
                      white = patch({255, 255, 255});
  EXPECT_GT(cosine(feature(a, 0), feature(shaded, 0)), 0.995);
  EXPECT_LT(cosine(feature(a, 0), feature(b, 0)), 0.8);
  EXPECT_LT(cosine(feature(black, 0), feature(white, 0)), 0.4);
}

TEST(CloudElements, OnePointIsEnough) {
  Cloud cloud;
  cloud.add({0.3, -0.2, 5}, red);
  const CloudElements elements = elements_of(cloud);
  ASSERT_EQ(elements.points, std::vector<std::int64_t>{1});
  EXPECT_FLOAT_EQ(elements.xyz[0], 0.3F);
  for (const float value : feature(elements, 0)) EXPECT_TRUE(std::isfinite(value));
  EXPECT_EQ(feature(elements, 0)[21], 1) << "too few points";
}

TEST(CloudElements, FeaturesAreFiniteForAnyPoints) {
  test::Random random(44);
  for (std::int64_t round = 0; round < test::cases(2000); ++round) {
    Cloud cloud;
    const double extent = std::pow(10, random.between(-6, 3));
    const auto few = random.integer(1, 4);
    for (std::int64_t i = random.integer(1, 60); i > 0; --i) {
      Vec3 point{};
      for (double& c : point)
        c = extent * static_cast<double>(random.integer(-few, few)) / static_cast<double>(few);
      if (random.chance(0.1)) point[1] = NAN;
      if (random.chance(0.05)) point[2] = INFINITY;
      cloud.add(point, {static_cast<std::uint8_t>(random.integer(0, 255)), 0, 255});
    }
    const CloudElements elements = elements_of(cloud, random.chance(0.5));
    for (const float value : elements.features.as<float>())
      ASSERT_TRUE(std::isfinite(value)) << "seed 44 round " << round;
    for (const float value : elements.xyz) ASSERT_TRUE(std::isfinite(value));
    const std::int64_t finite = [&] {
      std::int64_t count = 0;
      for (std::size_t i = 0; i < cloud.points.size(); i += 3)
        count += std::isfinite(cloud.points[i]) && std::isfinite(cloud.points[i + 1]) &&
                 std::isfinite(cloud.points[i + 2]);
      return count;
    }();
    ASSERT_EQ(std::accumulate(elements.points.begin(), elements.points.end(), std::int64_t{0}),
              finite);
  }
}

/// An oracle of its own: maps, and formulas as the header's table has them.
TEST(CloudElements, AgreesWithASlowRendering) {
  test::Random random(45);
  Cloud cloud;
  for (int i = 0; i < 400; ++i)
    cloud.add({random.between(-0.4, 0.4), random.between(-0.4, 0.4), 0.2 * random.uniform()},
              {static_cast<std::uint8_t>(random.integer(0, 255)),
               static_cast<std::uint8_t>(random.integer(0, 255)), 7});
  std::map<std::array<int, 3>, std::vector<std::size_t>> voxels;
  for (std::size_t i = 0; i < static_cast<std::size_t>(cloud.size()); ++i)
    voxels[{static_cast<int>(std::nearbyint(cloud.points[3 * i] / voxel_size)),
            static_cast<int>(std::nearbyint(cloud.points[3 * i + 1] / voxel_size)),
            static_cast<int>(std::nearbyint(cloud.points[3 * i + 2] / voxel_size))}]
        .push_back(i);
  const auto spread = [&](const std::vector<std::size_t>& members) {
    Vec3 mean{};
    for (const auto i : members)
      for (std::size_t a = 0; a < 3; ++a)
        mean[a] += cloud.points[3 * i + a] / static_cast<double>(members.size());
    Symmetric3 covariance{};
    for (const auto i : members)
      for (std::size_t a = 0, k = 0; a < 3; ++a)
        for (std::size_t b = a; b < 3; ++b, ++k)
          covariance[k] += (cloud.points[3 * i + a] - mean[a]) *
                           (cloud.points[3 * i + b] - mean[b]) /
                           static_cast<double>(members.size());
    return principal_axes(covariance);
  };
  const auto tensor = [](const Vec3& d, double length, std::vector<double>& row) {
    const double s = length * std::sqrt(1.5);
    for (std::size_t a = 0; a < 3; ++a) row.push_back(s * (d[a] * d[a] - 1.0 / 3));
    row.push_back(s * std::sqrt(2) * d[0] * d[1]);
    row.push_back(s * std::sqrt(2) * d[0] * d[2]);
    row.push_back(s * std::sqrt(2) * d[1] * d[2]);
  };
  const auto half_circle = [](double value, double radius, std::vector<double>& row) {
    const double angle = 2 * std::atan(2 * value - 1);
    row.push_back(radius * std::cos(angle));
    row.push_back(radius * std::sin(angle));
  };

  const CloudElements elements = elements_of(cloud);
  ASSERT_EQ(elements.points.size(), voxels.size());
  std::int64_t row = 0;
  for (const auto& [index, members] : voxels) {
    const auto n = static_cast<double>(members.size());
    std::vector<double> expected;
    std::array<double, 3> mean{};
    double luminance = 0, squared = 0;
    for (const auto i : members) {
      for (std::size_t c = 0; c < 3; ++c) mean[c] += cloud.colours[3 * i + c] / 255.0 / n;
      const double y = (77 * cloud.colours[3 * i] + 150 * cloud.colours[3 * i + 1] +
                        29 * cloud.colours[3 * i + 2]) /
                       256.0 / 255.0;
      luminance += y / n;
      squared += y * y / n;
    }
    for (const double channel : mean) half_circle(channel, std::sqrt(1.0 / 3), expected);
    half_circle(std::min(1.0, std::sqrt(std::max(0.0, squared - luminance * luminance)) / 0.25),
                0.5, expected);
    const PrincipalAxes own = spread(members);
    const auto shape = [](const PrincipalAxes& axes) {
      const auto& v = axes.variance;
      Vec3 shares{v[1] - v[0], v[2] - v[1], v[0]};
      const double length =
          std::sqrt(shares[0] * shares[0] + shares[1] * shares[1] + shares[2] * shares[2]);
      if (v[2] > 0)
        for (double& share : shares) share /= length;
      return shares;
    };
    const double trust = (n - 1) / (n - 1 + 8);
    const Vec3 own_shape = shape(own);
    tensor(own.direction[0], std::sqrt(trust) * own_shape[0], expected);
    tensor(own.direction[2], std::sqrt(trust) * own_shape[1], expected);
    expected.push_back(std::sqrt(trust) * own_shape[2]);
    expected.push_back(std::sqrt(1 - trust));
    std::vector<std::size_t> around;
    for (int x = -1; x <= 1; ++x)
      for (int y = -1; y <= 1; ++y)
        for (int z = -1; z <= 1; ++z)
          if (const auto it = voxels.find({index[0] + x, index[1] + y, index[2] + z});
              it != voxels.end())
            around.insert(around.end(), it->second.begin(), it->second.end());
    const PrincipalAxes wide = spread(around);
    const Vec3 wide_shape = shape(wide);
    tensor(wide.direction[0], std::sqrt(0.5) * wide_shape[0], expected);
    expected.push_back(std::sqrt(0.5) * wide_shape[1]);
    expected.push_back(std::sqrt(0.5) * wide_shape[2]);
    half_circle(n / (n + 16), 0.5, expected);
    ASSERT_EQ(expected.size(), static_cast<std::size_t>(cloud_feature_width));
    // Square roots near 0 magnify the rounding of variances; √1e-16 = 1e-8.
    for (std::size_t i = 0; i < expected.size(); ++i)
      ASSERT_NEAR(feature(elements, row)[i], expected[i], 1e-5) << "row " << row << " column " << i;
    ASSERT_EQ(elements.points[static_cast<std::size_t>(row)],
              static_cast<std::int64_t>(members.size()));
    ++row;
  }
}

TEST(CloudElements, OrderOfPointsAndThreadsDontMatter) {
  test::Random random(46);
  Cloud cloud = room(random), shuffled;
  std::vector<std::size_t> order(static_cast<std::size_t>(cloud.size()));
  std::iota(order.begin(), order.end(), 0U);
  for (std::size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1],
              order[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(i) - 1))]);
  for (const auto i : order)
    shuffled.add({cloud.points[3 * i], cloud.points[3 * i + 1], cloud.points[3 * i + 2]},
                 {cloud.colours[3 * i], cloud.colours[3 * i + 1], cloud.colours[3 * i + 2]});
  const CloudElements one = elements_of(cloud), other = elements_of(shuffled);
  const CloudElements threads = elements_of(cloud, true, stream::identity_pose(), 3);
  ASSERT_EQ(one.points, other.points);
  const auto a = one.features.as<float>(), b = other.features.as<float>();
  for (std::size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], 1e-5);
  EXPECT_EQ(std::memcmp(a.data(), threads.features.data(), a.size_bytes()), 0);
  EXPECT_EQ(one.xyz, threads.xyz);
}

TEST(CloudElements, PoseTurnsWhatIsSeen) {
  // A quarter turn about x with a shift by whole voxels: the floor becomes a wall.
  const Pose pose{1, 0, 0, 2, 0, 0, -1, 3, 0, 1, 0, -1, 0, 0, 0, 1};
  test::Random random(47);
  Cloud cloud, moved;
  for (int i = 0; i < 5000; ++i) {
    const Vec3 point{random.between(0, 1), random.between(0, 1), 0.002 * random.normal()};
    cloud.add(point, red);
    const float* stored = &cloud.points[3 * static_cast<std::size_t>(i)];
    const Vec3 world = stream::transform(pose, {stored[0], stored[1], stored[2]});
    moved.add(world, red);
  }
  const CloudElements posed = elements_of(cloud, true, pose), given = elements_of(moved);
  EXPECT_EQ(posed.xyz, given.xyz);
  EXPECT_EQ(std::memcmp(posed.features.data(), given.features.data(), posed.features.byte_size()),
            0);
  const auto before = elements_of(cloud);
  EXPECT_LT(cosine(feature(posed, element_at(posed, {2.5, 3, -0.5})),
                   feature(before, element_at(before, {0.5, 0.5, 0}))),
            0.6);
}

TEST(CloudElements, NoPoints) {
  const CloudElements elements = elements_of({});
  EXPECT_EQ(elements.features.shape(), (kernels::Shape{0, cloud_feature_width}));
  EXPECT_TRUE(elements.xyz.empty());
}

TEST(CloudElements, RefusesWhatIsNoCloud) {
  kernels::Resources resources(1);
  CloudElements elements;
  const std::vector<float> numbers(12);
  const std::vector<std::uint8_t> bytes(12);
  const kernels::TensorView points(numbers.data(), kernels::DType::f32, {4, 3});
  const kernels::TensorView pairs(numbers.data(), kernels::DType::f32, {6, 2});
  const kernels::TensorView few(bytes.data(), kernels::DType::u8, {3, 3});
  const Pose identity = stream::identity_pose();
  Pose sheared = identity;
  sheared[1] = 0.2;
  EXPECT_THROW(cloud_elements(resources, pairs, {}, identity, 0.1F, elements), Error);
  EXPECT_THROW(cloud_elements(resources, few, {}, identity, 0.1F, elements), Error);
  EXPECT_THROW(cloud_elements(resources, points, few, identity, 0.1F, elements), Error);
  EXPECT_THROW(cloud_elements(resources, points, points, identity, 0.1F, elements), Error);
  EXPECT_THROW(cloud_elements(resources, points, {}, sheared, 0.1F, elements), Error);
  for (const float size : {0.0F, -1.0F, NAN, INFINITY})
    EXPECT_THROW(cloud_elements(resources, points, {}, identity, size, elements), Error);
}

}  // namespace
}  // namespace sluice::spatial3d
