// Rigid transforms as stream::Pose: row-major 4×4, metres.
#pragma once

#include <array>
#include <string_view>

#include "stream/source.h"

namespace sluice::stream {

using Vec3 = std::array<double, 3>;

[[nodiscard]] Pose identity_pose() noexcept;
/// `point` in the frame that `pose` leads to; camera to world for a camera's pose.
[[nodiscard]] Vec3 transform(const Pose& pose, const Vec3& point) noexcept;
/// Without the translation.
[[nodiscard]] Vec3 rotate(const Pose& pose, const Vec3& direction) noexcept;
/// First `second`, then `first`: transform(compose(a, b), x) = transform(a, transform(b, x)).
[[nodiscard]] Pose compose(const Pose& first, const Pose& second) noexcept;
/// Of a rigid transform.
[[nodiscard]] Pose inverse(const Pose& pose) noexcept;
[[nodiscard]] constexpr Vec3 origin(const Pose& pose) noexcept {
  return {pose[3], pose[7], pose[11]};
}
/// From a unit quaternion, normalised here. Throws sluice::Error if it has no length.
[[nodiscard]] Pose pose_from_quaternion(const Vec3& translation, double qx, double qy, double qz,
                                        double qw, std::string_view where);
[[nodiscard]] bool is_finite(const Pose& pose) noexcept;
/// Finite, last row 0 0 0 1, and a rotation: orthonormal within `tolerance`, determinant +1. Poses
/// that were written with few digits pass with the default.
[[nodiscard]] bool is_rigid(const Pose& pose, double tolerance = 1e-3) noexcept;

}  // namespace sluice::stream
