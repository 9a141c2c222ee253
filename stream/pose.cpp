#include "stream/pose.h"

#include <algorithm>
#include <cmath>

#include "kernels/error.h"

namespace sluice::stream {

Pose identity_pose() noexcept {
  return {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};
}

Vec3 rotate(const Pose& pose, const Vec3& v) noexcept {
  return {pose[0] * v[0] + pose[1] * v[1] + pose[2] * v[2],
          pose[4] * v[0] + pose[5] * v[1] + pose[6] * v[2],
          pose[8] * v[0] + pose[9] * v[1] + pose[10] * v[2]};
}

Vec3 transform(const Pose& pose, const Vec3& point) noexcept {
  const Vec3 turned = rotate(pose, point);
  return {turned[0] + pose[3], turned[1] + pose[7], turned[2] + pose[11]};
}

Pose compose(const Pose& first, const Pose& second) noexcept {
  Pose product{};
  for (std::size_t row = 0; row < 4; ++row)
    for (std::size_t col = 0; col < 4; ++col)
      for (std::size_t k = 0; k < 4; ++k)
        product[4 * row + col] += first[4 * row + k] * second[4 * k + col];
  return product;
}

Pose inverse(const Pose& pose) noexcept {
  Pose turned = identity_pose();
  for (std::size_t row = 0; row < 3; ++row)
    for (std::size_t col = 0; col < 3; ++col) turned[4 * row + col] = pose[4 * col + row];
  const Vec3 back = rotate(turned, origin(pose));
  for (std::size_t row = 0; row < 3; ++row) turned[4 * row + 3] = -back[row];
  return turned;
}

Pose pose_from_quaternion(const Vec3& translation, double qx, double qy, double qz, double qw,
                          std::string_view where) {
  const double length = std::sqrt(qx * qx + qy * qy + qz * qz + qw * qw);
  if (!(length > 1e-6) || !std::isfinite(length))
    throw input_error(where, "a quaternion without length", "a rotation, qx qy qz qw");
  const double x = qx / length, y = qy / length, z = qz / length, w = qw / length;
  return {1 - 2 * (y * y + z * z),
          2 * (x * y - z * w),
          2 * (x * z + y * w),
          translation[0],
          2 * (x * y + z * w),
          1 - 2 * (x * x + z * z),
          2 * (y * z - x * w),
          translation[1],
          2 * (x * z - y * w),
          2 * (y * z + x * w),
          1 - 2 * (x * x + y * y),
          translation[2],
          0,
          0,
          0,
          1};
}

bool is_finite(const Pose& pose) noexcept {
  return std::all_of(pose.begin(), pose.end(), [](double value) { return std::isfinite(value); });
}

bool is_rigid(const Pose& pose, double tolerance) noexcept {
  if (!is_finite(pose)) return false;
  const auto near = [tolerance](double a, double b) { return std::abs(a - b) <= tolerance; };
  if (!near(pose[12], 0) || !near(pose[13], 0) || !near(pose[14], 0) || !near(pose[15], 1))
    return false;
  for (std::size_t a = 0; a < 3; ++a)
    for (std::size_t b = 0; b < 3; ++b) {
      double dot = 0;
      for (std::size_t k = 0; k < 3; ++k) dot += pose[4 * a + k] * pose[4 * b + k];
      if (!near(dot, a == b ? 1 : 0)) return false;
    }
  const double determinant = pose[0] * (pose[5] * pose[10] - pose[6] * pose[9]) -
                             pose[1] * (pose[4] * pose[10] - pose[6] * pose[8]) +
                             pose[2] * (pose[4] * pose[9] - pose[5] * pose[8]);
  return determinant > 0;
}

}  // namespace sluice::stream
