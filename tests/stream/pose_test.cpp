#include "stream/pose.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/stream/blobs.h"
#include "tests/support/random_clip.h"

namespace sluice::stream {
namespace {

using sluice::test::Random;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

void expect_near(const Vec3& a, const Vec3& b, double tolerance = 1e-12) {
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(a[i], b[i], tolerance) << "component " << i;
}

struct Quaternion {
  double x, y, z, w;
};

Quaternion random_unit(Random& random) {
  for (;;) {
    const Quaternion q{random.between(-1, 1), random.between(-1, 1), random.between(-1, 1),
                       random.between(-1, 1)};
    const double length = std::sqrt(q.x * q.x + q.y * q.y + q.z * q.z + q.w * q.w);
    if (length > 0.1) return {q.x / length, q.y / length, q.z / length, q.w / length};
  }
}

Vec3 random_vector(Random& random) {
  return {random.between(-9, 9), random.between(-9, 9), random.between(-9, 9)};
}

Pose random_pose(Random& random) {
  const Quaternion q = random_unit(random);
  return pose_from_quaternion(random_vector(random), q.x, q.y, q.z, q.w, "test");
}

Vec3 cross(const Vec3& a, const Vec3& b) {
  return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

/// v + 2w(u×v) + 2u×(u×v): a quaternion's rotation without its matrix.
Vec3 rotate_by(const Quaternion& q, const Vec3& v) {
  const Vec3 u{q.x, q.y, q.z};
  const Vec3 once = cross(u, v), twice = cross(u, once);
  Vec3 turned{};
  for (std::size_t i = 0; i < 3; ++i) turned[i] = v[i] + 2 * q.w * once[i] + 2 * twice[i];
  return turned;
}

TEST(Pose, TransformsByRowsAndAddsTheTranslation) {
  // A quarter turn about z takes x to y.
  const Pose pose{0, -1, 0, 10, 1, 0, 0, 20, 0, 0, 1, 30, 0, 0, 0, 1};
  expect_near(transform(pose, {1, 2, 3}), {8, 21, 33});
  expect_near(rotate(pose, {1, 2, 3}), {-2, 1, 3});
  expect_near(origin(pose), {10, 20, 30});
  expect_near(transform(identity_pose(), {1, 2, 3}), {1, 2, 3});
}

TEST(Pose, QuaternionsAreInTheOrderXyzw) {
  const double half = std::sqrt(0.5);
  const Vec3 x{1, 0, 0}, y{0, 1, 0}, z{0, 0, 1};
  expect_near(transform(pose_from_quaternion({1, 2, 3}, 0, 0, 0, 1, "test"), x), {2, 2, 3});
  expect_near(rotate(pose_from_quaternion({}, half, 0, 0, half, "test"), y), z);
  expect_near(rotate(pose_from_quaternion({}, 0, half, 0, half, "test"), z), x);
  expect_near(rotate(pose_from_quaternion({}, 0, 0, half, half, "test"), x), y);
}

TEST(Pose, QuaternionsOfAnyLengthAndSignGiveTheSameRotation) {
  Random random(31);
  for (int round = 0; round < 500; ++round) {
    const Quaternion q = random_unit(random);
    const Vec3 v = random_vector(random);
    const double scale = (random.chance(0.5) ? -1 : 1) * random.between(0.01, 50);
    const Pose pose =
        pose_from_quaternion({}, scale * q.x, scale * q.y, scale * q.z, scale * q.w, "test");
    expect_near(rotate(pose, v), rotate_by(q, v), 1e-11);
    EXPECT_TRUE(is_rigid(pose, 1e-12));
  }
}

TEST(Pose, AQuaternionWithoutLengthIsAnError) {
  for (const double value : {0.0, nan, infinity}) {
    const std::string message = test::input_error_of(
        [&] { (void)pose_from_quaternion({}, 0, value, 0, 0, "poses.txt:7"); });
    EXPECT_CONTAINS(message, "poses.txt:7");
  }
}

TEST(Pose, CompositionAppliesTheSecondFirst) {
  Random random(32);
  for (int round = 0; round < 500; ++round) {
    const Pose a = random_pose(random), b = random_pose(random);
    const Vec3 point = random_vector(random);
    expect_near(transform(compose(a, b), point), transform(a, transform(b, point)), 1e-11);
    EXPECT_TRUE(is_rigid(compose(a, b), 1e-11));
  }
}

TEST(Pose, TheInverseLeadsBack) {
  Random random(33);
  for (int round = 0; round < 500; ++round) {
    const Pose pose = random_pose(random);
    const Vec3 point = random_vector(random);
    expect_near(transform(inverse(pose), transform(pose, point)), point, 1e-11);
    const Pose round_trip = compose(pose, inverse(pose));
    for (std::size_t i = 0; i < 16; ++i) EXPECT_NEAR(round_trip[i], identity_pose()[i], 1e-11);
  }
}

TEST(Pose, WhatIsRigid) {
  Random random(34);
  EXPECT_TRUE(is_rigid(identity_pose(), 0));
  EXPECT_TRUE(is_rigid(random_pose(random)));
  // Written with seven digits, as recordings have it.
  EXPECT_TRUE(is_rigid({7.0352107e-1, 3.1905547e-1, -6.3492483e-1, -9.1287065e-1, -3.7097296e-1,
                        9.2696339e-1, 5.4754097e-2, -3.4388667e-1, 6.0605687e-1, 1.9703214e-1,
                        7.7053267e-1, 7.5986093e-1, 0, 0, 0, 1}));
}

TEST(Pose, WhatIsNotRigid) {
  const auto changed = [](std::size_t entry, double value) {
    Pose pose = identity_pose();
    pose[entry] = value;
    return pose;
  };
  EXPECT_FALSE(is_rigid(Pose{})) << "all zeros, as trackers write when they are lost";
  EXPECT_FALSE(is_rigid(changed(0, 2))) << "scaled";
  EXPECT_FALSE(is_rigid(changed(0, -1))) << "mirrored";
  EXPECT_FALSE(is_rigid(changed(1, 0.1))) << "sheared";
  EXPECT_FALSE(is_rigid(changed(12, 0.1))) << "transposed: a translation in the last row";
  EXPECT_FALSE(is_rigid(changed(15, 0)));
  for (const double value : {nan, infinity, -infinity}) {
    EXPECT_FALSE(is_rigid(changed(3, value)));
    EXPECT_FALSE(is_finite(changed(3, value)));
    EXPECT_FALSE(is_rigid(changed(10, value)));
  }
  EXPECT_TRUE(is_finite(Pose{}));
  EXPECT_TRUE(is_rigid(changed(3, 1e6))) << "far away is no fault";
}

}  // namespace
}  // namespace sluice::stream
