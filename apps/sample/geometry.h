// Vectors, rotations and rigid transforms of the sample scene. World: x right, y away from the
// viewer, z up, metres; the table top is z = 0. Cameras: x right, y down, z forward.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>

#include "stream/source.h"

namespace sluice::sample {

struct Vec3 {
  double x = 0, y = 0, z = 0;

  [[nodiscard]] friend constexpr Vec3 operator+(const Vec3& a, const Vec3& b) noexcept {
    return {a.x + b.x, a.y + b.y, a.z + b.z};
  }
  [[nodiscard]] friend constexpr Vec3 operator-(const Vec3& a, const Vec3& b) noexcept {
    return {a.x - b.x, a.y - b.y, a.z - b.z};
  }
  [[nodiscard]] friend constexpr Vec3 operator*(double scale, const Vec3& a) noexcept {
    return {scale * a.x, scale * a.y, scale * a.z};
  }
};

[[nodiscard]] constexpr double dot(const Vec3& a, const Vec3& b) noexcept {
  return a.x * b.x + a.y * b.y + a.z * b.z;
}
[[nodiscard]] constexpr Vec3 cross(const Vec3& a, const Vec3& b) noexcept {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
[[nodiscard]] inline double length(const Vec3& a) noexcept {
  return std::sqrt(dot(a, a));
}
[[nodiscard]] inline Vec3 normalized(const Vec3& a) noexcept {
  return (1 / length(a)) * a;
}

/// A rigid transform: columns x, y, z of the rotation, then the origin.
struct Transform {
  Vec3 x{1, 0, 0}, y{0, 1, 0}, z{0, 0, 1}, origin;

  [[nodiscard]] constexpr Vec3 rotate(const Vec3& v) const noexcept {
    return v.x * x + v.y * y + v.z * z;
  }
  [[nodiscard]] constexpr Vec3 unrotate(const Vec3& v) const noexcept {
    return {dot(x, v), dot(y, v), dot(z, v)};
  }
  [[nodiscard]] constexpr Vec3 apply(const Vec3& point) const noexcept {
    return rotate(point) + origin;
  }
  [[nodiscard]] constexpr Vec3 invert(const Vec3& point) const noexcept {
    return unrotate(point - origin);
  }
  [[nodiscard]] friend constexpr Transform operator*(const Transform& a,
                                                     const Transform& b) noexcept {
    return {a.rotate(b.x), a.rotate(b.y), a.rotate(b.z), a.apply(b.origin)};
  }
  [[nodiscard]] constexpr Transform inverse() const noexcept {
    return {{x.x, y.x, z.x}, {x.y, y.y, z.y}, {x.z, y.z, z.z}, invert({0, 0, 0})};
  }
};

[[nodiscard]] constexpr Transform translation(const Vec3& offset) noexcept {
  return {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, offset};
}

/// A turn by `angle` radians about the vertical through `origin`.
[[nodiscard]] inline Transform turned(const Vec3& origin, double angle) noexcept {
  const double c = std::cos(angle), s = std::sin(angle);
  return {{c, s, 0}, {-s, c, 0}, {0, 0, 1}, origin};
}

/// A turn by `angle` radians about the unit vector `axis` (Rodrigues).
[[nodiscard]] inline Transform turned_about(const Vec3& axis, double angle) noexcept {
  const double c = std::cos(angle), s = std::sin(angle);
  const auto turn = [&](const Vec3& v) {
    return c * v + s * cross(axis, v) + ((1 - c) * dot(axis, v)) * axis;
  };
  return {turn({1, 0, 0}), turn({0, 1, 0}), turn({0, 0, 1}), {}};
}

/// Camera-to-world of a level camera at `eye` that looks at `target`.
[[nodiscard]] inline Transform look_at(const Vec3& eye, const Vec3& target) noexcept {
  const Vec3 forward = normalized(target - eye);
  const Vec3 right = normalized(cross(forward, {0, 0, 1}));
  return {right, cross(forward, right), forward, eye};
}

[[nodiscard]] constexpr stream::Pose to_pose(const Transform& t) noexcept {
  return {t.x.x, t.y.x, t.z.x, t.origin.x, t.x.y, t.y.y, t.z.y, t.origin.y,
          t.x.z, t.y.z, t.z.z, t.origin.z, 0,     0,     0,     1};
}
[[nodiscard]] constexpr Transform from_pose(const stream::Pose& p) noexcept {
  return {{p[0], p[4], p[8]}, {p[1], p[5], p[9]}, {p[2], p[6], p[10]}, {p[3], p[7], p[11]}};
}

}  // namespace sluice::sample
