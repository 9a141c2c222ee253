#include "spatial3d/back_projection.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include "stream/pose.h"
#include "tests/support/random_clip.h"
#include "tests/support/spatial_oracles.h"

namespace sluice::spatial3d {
namespace {

using stream::Grid;
using stream::Intrinsics;
using stream::Pose;
using stream::Vec3;
using test::DepthImage;
using test::Random;

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinite = std::numeric_limits<float>::infinity();

std::vector<float> places(const DepthImage& depth, const Intrinsics& intrinsics, const Pose& pose,
                          const Grid& grid, const BackProjectionOptions& options = {}) {
  kernels::Resources resources(1);
  std::vector<float> xyz;
  back_project(resources, depth.view(), intrinsics, pose, grid, options, xyz);
  return xyz;
}

Vec3 place_of(const std::vector<float>& xyz, std::size_t patch) {
  return {xyz.at(3 * patch), xyz.at(3 * patch + 1), xyz.at(3 * patch + 2)};
}

bool has_place(const std::vector<float>& xyz, std::size_t patch) {
  const bool has = !std::isnan(xyz.at(3 * patch));
  EXPECT_EQ(has, !std::isnan(xyz.at(3 * patch + 1)));
  EXPECT_EQ(has, !std::isnan(xyz.at(3 * patch + 2)));
  return has;
}

Pose random_pose(Random& random) {
  return stream::pose_from_quaternion(
      {random.between(-5, 5), random.between(-5, 5), random.between(-5, 5)}, random.between(-1, 1),
      random.between(-1, 1), random.between(-1, 1), random.between(-1, 1), "test");
}

/// The depth at which a ray (x, y, 1) from the camera meets a surface; 0 if it doesn't.
using RayCaster = std::function<double(double x, double y)>;

DepthImage cast_rays(std::int64_t height, std::int64_t width, const Intrinsics& k,
                     const RayCaster& depth_of) {
  DepthImage image(height, width);
  for (std::int64_t v = 0; v < height; ++v)
    for (std::int64_t u = 0; u < width; ++u)
      image.at(v, u) = static_cast<float>(
          depth_of((static_cast<double>(u) - k.cx) / k.fx, (static_cast<double>(v) - k.cy) / k.fy));
  return image;
}

constexpr Intrinsics camera{80, 80, 47.5, 31.5};  // of 96 × 64 pixels

TEST(BackProjection, AWallLiesWhereItIs) {
  const auto xyz = places(DepthImage(64, 96, 2), camera, stream::identity_pose(), {4, 6});
  ASSERT_EQ(xyz.size(), 3u * 24);
  for (std::size_t patch = 0; patch < 24; ++patch) {
    // The mean of a patch of 16 × 16 pixels lies between its four middle pixels: one of them.
    const double u = static_cast<double>(patch % 6) * 16 + 7.5;
    const double v = static_cast<double>(patch / 6) * 16 + 7.5;
    EXPECT_NEAR(std::abs(double{xyz[3 * patch]} * 80 / 2 + 47.5 - u), 0.5, 1e-4);
    EXPECT_NEAR(std::abs(double{xyz[3 * patch + 1]} * 80 / 2 + 31.5 - v), 0.5, 1e-4);
    EXPECT_EQ(xyz[3 * patch + 2], 2.0F);
  }
}

TEST(BackProjection, PointsOfASlantedPlaneLieOnIt) {
  const Vec3 normal{0.3, -0.4, 0.866};
  const auto image = cast_rays(64, 96, camera, [&](double x, double y) {
    return 2.5 / (normal[0] * x + normal[1] * y + normal[2]);
  });
  const auto xyz = places(image, camera, stream::identity_pose(), {8, 12});
  for (std::size_t patch = 0; patch < 96; ++patch) {
    ASSERT_TRUE(has_place(xyz, patch));
    const Vec3 p = place_of(xyz, patch);
    EXPECT_NEAR(normal[0] * p[0] + normal[1] * p[1] + normal[2] * p[2], 2.5, 1e-5);
  }
}

TEST(BackProjection, PointsOfASphereLieOnIt) {
  const double radius = 0.8, away = 2;
  const auto image = cast_rays(64, 96, camera, [&](double x, double y) {
    const double a = x * x + y * y + 1, c = away * away - radius * radius;
    const double inside = away * away - a * c;
    return inside < 0 ? 0 : (away - std::sqrt(inside)) / a;
  });
  const auto xyz = places(image, camera, stream::identity_pose(), {16, 24});
  std::size_t on_sphere = 0;
  for (std::size_t patch = 0; patch < 16 * 24; ++patch)
    if (has_place(xyz, patch)) {
      EXPECT_NEAR(test::distance(place_of(xyz, patch), {0, 0, away}), radius, 1e-5);
      ++on_sphere;
    }
  // It is seen within a circle of 80·r/√(d²−r²) = 34.9 pixels, cut by the picture's 32 above and
  // below: about 208 patches of 4 × 4 pixels, and those on the rim.
  EXPECT_GT(on_sphere, 208u);
  EXPECT_LT(on_sphere, 270u);
}

TEST(BackProjection, PointsOfACornerLieOnItsWalls) {
  // Two walls and a floor, with the camera looking into the corner.
  const std::vector<Vec3> normals{{0.7, 0, 0.7}, {-0.7, 0, 0.7}, {0, 0.9, 0.1}};
  const std::vector<double> offsets{1.5, 1.5, 0.6};
  const auto image = cast_rays(64, 96, camera, [&](double x, double y) {
    double nearest = 1e300;
    for (std::size_t wall = 0; wall < 3; ++wall) {
      const double along = normals[wall][0] * x + normals[wall][1] * y + normals[wall][2];
      if (along > 0) nearest = std::min(nearest, offsets[wall] / along);
    }
    return nearest;
  });
  const auto xyz = places(image, camera, stream::identity_pose(), {9, 13});  // divides neither
  for (std::size_t patch = 0; patch < 9 * 13; ++patch) {
    ASSERT_TRUE(has_place(xyz, patch));
    const Vec3 p = place_of(xyz, patch);
    double off = 1e300;
    for (std::size_t wall = 0; wall < 3; ++wall)
      off = std::min(off, std::abs(normals[wall][0] * p[0] + normals[wall][1] * p[1] +
                                   normals[wall][2] * p[2] - offsets[wall]));
    EXPECT_LT(off, 1e-5) << "patch " << patch;
  }
}

TEST(BackProjection, ADepthEdgeGivesOneSideNeverBetween) {
  Random random(51);
  for (int trial = 0; trial < 200; ++trial) {
    DepthImage image(10, 10, 1.0F);
    const auto far = static_cast<float>(random.between(1.1, 4));
    const std::int64_t columns = random.integer(1, 9);
    for (std::int64_t v = 0; v < 10; ++v)
      for (std::int64_t u = 0; u < columns; ++u) image.at(v, u) = far;
    const auto xyz = places(image, {10, 10, 4.5, 4.5}, stream::identity_pose(), {1, 1});
    EXPECT_EQ(xyz[2], columns > 5 ? far : 1.0F) << columns << " columns at " << far;
  }
}

TEST(BackProjection, InvalidPixelsDoNotCount) {
  const std::vector<float> invalid{0, -1, not_a_number, infinite, -infinite, 0.01F, 50};
  for (const float hole : invalid) {
    DepthImage image(8, 8, 1.5F);
    for (std::int64_t v = 0; v < 8; ++v)
      for (std::int64_t u = 0; u < 8; ++u)
        if (u < 5) image.at(v, u) = hole;
    const Intrinsics k{8, 8, 3.5, 3.5};
    const auto xyz = places(image, k, stream::identity_pose(), {1, 1});
    EXPECT_EQ(xyz[2], 1.5F);
    EXPECT_GE(xyz[0], (5 - 3.5) * 1.5 / 8) << "a pixel without depth was taken";
    BackProjectionOptions strict;
    strict.min_valid_share = 3.0 / 8;
    EXPECT_TRUE(has_place(places(image, k, stream::identity_pose(), {1, 1}, strict), 0));
    strict.min_valid_share = 0.4;
    EXPECT_FALSE(has_place(places(image, k, stream::identity_pose(), {1, 1}, strict), 0));
  }
}

TEST(BackProjection, WithoutDepthNothingHasAPlace) {
  for (const auto position : {PatchPosition::robust, PatchPosition::top_left})
    for (const float hole : {0.0F, not_a_number, -2.0F, infinite}) {
      BackProjectionOptions options;
      options.position = position;
      options.min_depth = 0;
      const auto xyz = places(DepthImage(12, 20, hole), {20, 20, 9.5, 5.5}, stream::identity_pose(),
                              {3, 4}, options);
      for (std::size_t patch = 0; patch < 12; ++patch) EXPECT_FALSE(has_place(xyz, patch));
    }
}

TEST(BackProjection, TopLeftTakesThePublishedPixel) {
  Random random(52);
  DepthImage image(37, 53);
  for (float& z : image.metres) z = static_cast<float>(random.between(1, 3));
  image.at(0, 0) = 0;
  BackProjectionOptions options;
  options.position = PatchPosition::top_left;
  const Intrinsics k{50, 45, 20.3, 18.1};
  const auto xyz = places(image, k, stream::identity_pose(), {5, 7}, options);
  EXPECT_FALSE(has_place(xyz, 0));
  for (std::int64_t r = 0; r < 5; ++r)
    for (std::int64_t c = 0; c < 7; ++c) {
      if (r + c == 0) continue;
      const auto v = static_cast<std::int64_t>(std::floor(static_cast<double>(r) * 37 / 5));
      const auto u = static_cast<std::int64_t>(std::floor(static_cast<double>(c) * 53 / 7));
      const Vec3 expected = test::camera_point(k, v, u, image.at(v, u));
      const auto patch = static_cast<std::size_t>(r * 7 + c);
      EXPECT_LT(test::distance(place_of(xyz, patch), expected), 1e-6) << "patch " << patch;
    }
}

/// Rough surfaces with holes, steps and few levels, as sensors give them.
DepthImage random_depth(Random& random, std::int64_t height, std::int64_t width) {
  DepthImage image(height, width);
  const double base = random.between(0.3, 6), slope = random.between(-0.02, 0.02);
  const double noise = random.between(0, 0.05), holes = random.uniform();
  const bool quantised = random.chance(0.5);
  const std::int64_t step = random.integer(0, width);
  for (std::int64_t v = 0; v < height; ++v)
    for (std::int64_t u = 0; u < width; ++u) {
      double z = base + slope * static_cast<double>(u + v) + noise * random.normal();
      if (u >= step) z += 0.4;
      if (quantised) z = std::round(z * 1000) / 1000;
      image.at(v, u) = random.chance(holes) ? 0 : static_cast<float>(z);
    }
  return image;
}

TEST(BackProjection, AgreesWithADoubleOracle) {
  for (std::int64_t seed = 0; seed < test::cases(4000); ++seed) {
    SCOPED_TRACE(seed);
    Random random(static_cast<std::uint64_t>(seed));
    const auto image = random_depth(random, random.integer(1, 50), random.integer(1, 50));
    const Grid grid{static_cast<std::int32_t>(random.integer(1, image.height)),
                    static_cast<std::int32_t>(random.integer(1, image.width))};
    const Intrinsics k{random.between(20, 60), random.between(20, 60),
                       random.between(0, static_cast<double>(image.width)),
                       random.between(0, static_cast<double>(image.height))};
    const Pose pose = random_pose(random);
    BackProjectionOptions options;
    if (random.chance(0.3)) options.min_valid_share = random.uniform();
    if (random.chance(0.3)) options.max_depth = static_cast<float>(random.between(0.5, 5));
    const auto xyz = places(image, k, pose, grid, options);
    for (std::int64_t row = 0; row < grid.rows; ++row)
      for (std::int64_t col = 0; col < grid.cols; ++col) {
        const auto patch = static_cast<std::size_t>(row * grid.cols + col);
        const auto expected = test::robust_patch(image, k, grid, row, col, options);
        ASSERT_EQ(has_place(xyz, patch), expected.has_value()) << "patch " << patch;
        if (!expected) continue;
        const Vec3 seen = stream::transform(stream::inverse(pose), place_of(xyz, patch));
        double nearest_point = 1e300;
        for (const Vec3& point : expected->surface)
          nearest_point = std::min(nearest_point, test::distance(point, seen));
        EXPECT_LT(nearest_point, 1e-5) << "not a point that was measured on the surface";
        EXPECT_LT(test::distance(seen, expected->mean), expected->nearest + 1e-5);
      }
  }
}

TEST(BackProjection, MovesWithTheWorld) {
  Random random(53);
  const auto image = random_depth(random, 48, 64);
  const Pose pose = random_pose(random), motion = random_pose(random);
  const auto before = places(image, camera, pose, {6, 8});
  const auto after = places(image, camera, stream::compose(motion, pose), {6, 8});
  for (std::size_t patch = 0; patch < 48; ++patch) {
    ASSERT_EQ(has_place(before, patch), has_place(after, patch));
    if (!has_place(before, patch)) continue;
    const Vec3 moved = stream::transform(motion, place_of(before, patch));
    EXPECT_LT(test::distance(moved, place_of(after, patch)), 1e-5);
  }
  // Exactly, where the motion is exact: the camera lies on its side.
  const Pose quarter{0, -1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};
  const auto upright = places(image, camera, stream::identity_pose(), {6, 8});
  const auto turned = places(image, camera, quarter, {6, 8});
  for (std::size_t i = 0; i < upright.size(); i += 3) {
    if (std::isnan(upright[i])) continue;
    EXPECT_EQ(turned[i], -upright[i + 1]);
    EXPECT_EQ(turned[i + 1], upright[i]);
    EXPECT_EQ(turned[i + 2], upright[i + 2]);
  }
}

TEST(BackProjection, TheOrderOfThePixelsDoesNotMatter) {
  // The mirrored picture visits every patch's pixels from the other end.
  Random random(54);
  const auto image = random_depth(random, 48, 64);
  const Intrinsics k{70, 70, 31, 22}, mirrored_k{70, 70, 63 - 31.0, 22};
  DepthImage mirrored(48, 64);
  for (std::int64_t v = 0; v < 48; ++v)
    for (std::int64_t u = 0; u < 64; ++u) mirrored.at(v, u) = image.at(v, 63 - u);
  const auto xyz = places(image, k, stream::identity_pose(), {6, 8});
  const auto other = places(mirrored, mirrored_k, stream::identity_pose(), {6, 8});
  for (std::size_t row = 0; row < 6; ++row)
    for (std::size_t col = 0; col < 8; ++col) {
      const Vec3 p = place_of(xyz, row * 8 + col), q = place_of(other, row * 8 + 7 - col);
      ASSERT_EQ(std::isnan(p[0]), std::isnan(q[0]));
      if (std::isnan(p[0])) continue;
      EXPECT_LT(test::distance({-p[0], p[1], p[2]}, q), 1e-6);
    }
}

TEST(BackProjection, ThreadsAndInstructionSetsDoNotMatter) {
  Random random(55);
  const auto image = random_depth(random, 61, 83);
  const Pose pose = random_pose(random);
  std::vector<float> first;
  for (const auto set : kernels::available_instruction_sets())
    for (const int threads : {1, 2, 4}) {
      kernels::Resources resources(threads, set);
      std::vector<float> xyz;
      back_project(resources, image.view(), camera, pose, {9, 11}, {}, xyz);
      if (first.empty()) first = xyz;
      ASSERT_EQ(xyz.size(), first.size());
      EXPECT_EQ(std::memcmp(xyz.data(), first.data(), xyz.size() * sizeof(float)), 0)
          << threads << " threads, " << name(set);
    }
}

TEST(BackProjection, RefusesWhatMakesNoSense) {
  kernels::Resources resources(1);
  const DepthImage image(8, 10, 1);
  const Pose pose = stream::identity_pose();
  std::vector<float> xyz;
  const auto refuses = [&](const kernels::TensorView& depth, const Intrinsics& k, const Pose& to,
                           const Grid& grid, const BackProjectionOptions& options,
                           std::string_view text) {
    try {
      back_project(resources, depth, k, to, grid, options, xyz);
      ADD_FAILURE() << "accepted; expected an error about " << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::input);
      EXPECT_NE(std::string_view(error.what()).find(text), std::string_view::npos) << error.what();
    }
  };
  const Intrinsics k{10, 10, 4.5, 3.5};
  const std::vector<double> doubles(80, 1);
  refuses({doubles.data(), kernels::DType::f64, {8, 10}}, k, pose, {2, 2}, {}, "f64 [8, 10]");
  refuses({image.metres.data(), kernels::DType::f32, {80}}, k, pose, {2, 2}, {}, "[80]");
  refuses(image.view(), {0, 10, 4.5, 3.5}, pose, {2, 2}, {}, "focal");
  refuses(image.view(), {10, 10, 4.5, 1000}, pose, {2, 2}, {}, "principal point");
  refuses(image.view(), k, pose, {0, 2}, {}, "0 x 2");
  refuses(image.view(), k, pose, {9, 2}, {}, "8 x 10");
  refuses(image.view(), k, pose, {8, 11}, {}, "8 x 10");
  Pose broken = pose;
  broken[3] = infinite;
  refuses(image.view(), k, broken, {2, 2}, {}, "pose");
  broken = pose;
  broken[0] = 2;
  refuses(image.view(), k, broken, {2, 2}, {}, "rotation");
  refuses(image.view(), k, pose, {2, 2}, {.max_depth = infinite}, "depth range");
  refuses(image.view(), k, pose, {2, 2}, {.min_depth = 3, .max_depth = 2}, "depth range");
  refuses(image.view(), k, pose, {2, 2}, {.min_depth = not_a_number}, "depth range");
  refuses(image.view(), k, pose, {2, 2}, {.min_valid_share = 1.5}, "min_valid_share");
  refuses(image.view(), k, pose, {2, 2}, {.surface_band = -1}, "surface band");
  refuses(image.view(), k, pose, {2, 2}, {.relative_surface_band = 0}, "surface band");
}

}  // namespace
}  // namespace sluice::spatial3d
