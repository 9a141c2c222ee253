#include "apps/sample/shape.h"

#include <algorithm>
#include <cmath>

namespace sluice::sample {
namespace {

Hit intersect_plane(const Ray& ray) noexcept {
  Hit hit;
  if (ray.origin.z <= 0 || ray.direction.z >= 0) return hit;
  hit.distance = -ray.origin.z / ray.direction.z;
  hit.normal = {0, 0, 1};
  hit.face = 5;
  return hit;
}

/// The slab method: the last plane entered, if it is entered before any other is left.
Hit intersect_box(const Vec3& half, const Ray& ray) noexcept {
  const double origin[] = {ray.origin.x, ray.origin.y, ray.origin.z};
  const double direction[] = {ray.direction.x, ray.direction.y, ray.direction.z};
  const double extent[] = {half.x, half.y, half.z};
  double enter = 0, leave = std::numeric_limits<double>::infinity();
  int entered = -1;
  for (int axis = 0; axis < 3; ++axis) {
    if (direction[axis] == 0) {
      if (std::abs(origin[axis]) > extent[axis]) return {};
      continue;
    }
    const double inverse = 1 / direction[axis];
    const double side = std::copysign(extent[axis], direction[axis]);
    const double near = (-side - origin[axis]) * inverse;
    const double far = (side - origin[axis]) * inverse;
    if (near > enter) {
      enter = near;
      entered = axis;
    }
    leave = std::min(leave, far);
    if (enter > leave) return {};
  }
  if (entered < 0) return {};
  const bool positive = direction[entered] < 0;
  const double sign = positive ? 1 : -1;
  Hit hit;
  hit.distance = enter;
  hit.normal = {entered == 0 ? sign : 0, entered == 1 ? sign : 0, entered == 2 ? sign : 0};
  hit.face = static_cast<std::uint8_t>(2 * entered + (positive ? 1 : 0));
  return hit;
}

/// The nearer root of a·t² + 2b·t + c, if it is real and positive; infinity otherwise.
double nearer_root(double a, double b, double c) noexcept {
  const double discriminant = b * b - a * c;
  if (discriminant < 0 || a == 0) return std::numeric_limits<double>::infinity();
  const double root = (-b - std::sqrt(discriminant)) / a;
  return root > 0 ? root : std::numeric_limits<double>::infinity();
}

Hit intersect_sphere(double radius, const Ray& ray) noexcept {
  Hit hit;
  hit.distance = nearer_root(dot(ray.direction, ray.direction), dot(ray.origin, ray.direction),
                             dot(ray.origin, ray.origin) - radius * radius);
  if (std::isfinite(hit.distance)) {
    hit.normal = (1 / radius) * (ray.origin + hit.distance * ray.direction);
  }
  return hit;
}

Hit intersect_cylinder(double radius, double half_height, const Ray& ray) noexcept {
  const Vec3 o = ray.origin, d = ray.direction;
  Hit hit;
  const double side = nearer_root(d.x * d.x + d.y * d.y, o.x * d.x + o.y * d.y,
                                  o.x * o.x + o.y * o.y - radius * radius);
  if (std::abs(o.z + side * d.z) <= half_height) {
    hit.distance = side;
    hit.normal = {(o.x + side * d.x) / radius, (o.y + side * d.y) / radius, 0};
    return hit;
  }
  if (d.z == 0) return hit;
  const bool top = d.z < 0;
  const double cap = ((top ? half_height : -half_height) - o.z) / d.z;
  const double x = o.x + cap * d.x, y = o.y + cap * d.y;
  if (cap > 0 && x * x + y * y <= radius * radius) {
    hit.distance = cap;
    hit.normal = {0, 0, top ? 1.0 : -1.0};
    hit.face = top ? 5 : 4;
  }
  return hit;
}

}  // namespace

Hit intersect(const Shape& shape, const Ray& ray) noexcept {
  switch (shape.kind) {
    case Shape::Kind::plane: return intersect_plane(ray);
    case Shape::Kind::box: return intersect_box(shape.half, ray);
    case Shape::Kind::sphere: return intersect_sphere(shape.half.x, ray);
    case Shape::Kind::cylinder: return intersect_cylinder(shape.half.x, shape.half.z, ray);
  }
  return {};
}

}  // namespace sluice::sample
