// The shapes the ray caster knows, each in its own coordinates, and how a ray meets them.
#pragma once

#include <cstdint>
#include <limits>

#include "apps/sample/geometry.h"

namespace sluice::sample {

struct Ray {
  Vec3 origin;
  Vec3 direction;  ///< need not have length 1: distances are in units of it
};

/// Where a ray meets a surface first. `distance` is infinite if it does not.
struct Hit {
  double distance = std::numeric_limits<double>::infinity();
  Vec3 normal;            ///< outward, length 1, in the shape's coordinates
  std::uint8_t face = 0;  ///< box: 0-5 for -x, +x, -y, +y, -z, +z; cylinder: 0, or 4 and 5 for
                          ///< its caps; plane: 5; sphere: 0
};

struct Shape {
  enum class Kind : std::uint8_t { plane, box, sphere, cylinder };
  Kind kind = Kind::box;
  /// Half the extent. Box: per axis. Sphere: the radius, three times. Cylinder: radius, radius,
  /// half the height along z. A plane is z = 0, seen from above, and has none.
  Vec3 half;
};

[[nodiscard]] constexpr Shape plane() noexcept {
  return {Shape::Kind::plane, {}};
}
[[nodiscard]] constexpr Shape box(double x, double y, double z) noexcept {
  return {Shape::Kind::box, {x / 2, y / 2, z / 2}};
}
[[nodiscard]] constexpr Shape sphere(double radius) noexcept {
  return {Shape::Kind::sphere, {radius, radius, radius}};
}
[[nodiscard]] constexpr Shape cylinder(double radius, double height) noexcept {
  return {Shape::Kind::cylinder, {radius, radius, height / 2}};
}

/// The first point in front of the origin, seen from outside. `ray` is in the shape's coordinates.
[[nodiscard]] Hit intersect(const Shape& shape, const Ray& ray) noexcept;

}  // namespace sluice::sample
