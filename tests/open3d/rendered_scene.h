// A small world with known answers: a floor, two walls and two balls, all textured, as a camera
// with depth sees them.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <optional>

#include "kernels/tensor.h"
#include "stream/pose.h"

namespace sluice::test {

struct RenderedView {
  kernels::Tensor colour;  ///< [H,W,3] u8
  kernels::Tensor depth;   ///< [H,W] f32 metres
  stream::Intrinsics intrinsics;
};

/// From an axis (not necessarily of unit length), an angle and a place.
inline stream::Pose make_pose(const stream::Vec3& axis, double degrees, const stream::Vec3& place) {
  const double half = degrees * std::numbers::pi / 360;
  const double length = std::hypot(axis[0], axis[1], axis[2]);
  const double scale = length > 0 ? std::sin(half) / length : 0;
  return stream::pose_from_quaternion(place, axis[0] * scale, axis[1] * scale, axis[2] * scale,
                                      std::cos(half), "test");
}

/// Metres and degrees between two poses.
struct PoseError {
  double metres = 0, degrees = 0;
};

inline PoseError pose_error(const stream::Pose& a, const stream::Pose& b) {
  const stream::Pose difference = stream::compose(stream::inverse(a), b);
  const stream::Vec3 t = stream::origin(difference);
  // From the sine, too: poses in files are rotations only as far as their digits go.
  const double twice_sine = std::hypot(difference[9] - difference[6], difference[2] - difference[8],
                                       difference[4] - difference[1]);
  const double twice_cosine = difference[0] + difference[5] + difference[10] - 1;
  return {std::hypot(t[0], t[1], t[2]),
          std::atan2(twice_sine, twice_cosine) * 180 / std::numbers::pi};
}

class RenderedScene {
 public:
  /// Distance along a unit ray, from the camera's place, to the nearest surface.
  static std::optional<double> cast(const stream::Vec3& from, const stream::Vec3& ray) {
    double nearest = std::numeric_limits<double>::infinity();
    const auto keep = [&](double distance) {
      if (distance > 1e-6 && distance < nearest) nearest = distance;
    };
    if (ray[1] > 0) keep((1.0 - from[1]) / ray[1]);   // floor, y = 1 (y points down)
    if (ray[2] > 0) keep((3.0 - from[2]) / ray[2]);   // back wall, z = 3
    if (ray[0] < 0) keep((-1.5 - from[0]) / ray[0]);  // left wall, x = −1.5
    for (const auto& [x, y, z, radius] :
         {std::array<double, 4>{0.2, 0.6, 2.2, 0.4}, std::array<double, 4>{-0.7, 0.2, 2.5, 0.3}}) {
      const stream::Vec3 to{x - from[0], y - from[1], z - from[2]};
      const double along = to[0] * ray[0] + to[1] * ray[1] + to[2] * ray[2];
      const double squared = to[0] * to[0] + to[1] * to[1] + to[2] * to[2] - along * along;
      if (squared < radius * radius) keep(along - std::sqrt(radius * radius - squared));
    }
    if (!std::isfinite(nearest)) return std::nullopt;
    return nearest;
  }

  /// Smooth, without a period that a camera could mistake.
  static std::array<std::uint8_t, 3> texture(const stream::Vec3& p) {
    std::array<std::uint8_t, 3> colour{};
    for (std::size_t c = 0; c < 3; ++c) {
      const double k = 1 + 0.3 * static_cast<double>(c);
      const double value = std::sin(11 * k * p[0] + 3 * p[1]) + std::sin(13 * p[1] - 7 * k * p[2]) +
                           std::sin(17 * p[2] + 5 * k * p[0] + 2 * p[1]);
      colour[c] = static_cast<std::uint8_t>(127.5 + 40 * value);
    }
    return colour;
  }

  static RenderedView render(const stream::Pose& camera, int width = 160, int height = 120) {
    RenderedView view;
    const double focal = 0.9 * width;
    view.intrinsics = {focal, focal, (width - 1) / 2.0, (height - 1) / 2.0};
    view.colour.reshape(kernels::DType::u8, {height, width, 3});
    view.depth.reshape(kernels::DType::f32, {height, width});
    const auto colour = view.colour.as<std::uint8_t>();
    const auto depth = view.depth.as<float>();
    std::size_t pixel = 0;
    for (int v = 0; v < height; ++v)
      for (int u = 0; u < width; ++u, ++pixel) {
        stream::Vec3 ray{(u - view.intrinsics.cx) / focal, (v - view.intrinsics.cy) / focal, 1};
        const double length = std::hypot(ray[0], ray[1], ray[2]);
        for (double& component : ray) component /= length;
        const stream::Vec3 place = stream::origin(camera);
        const stream::Vec3 direction = stream::rotate(camera, ray);
        const auto distance = cast(place, direction);
        depth[pixel] = distance ? static_cast<float>(*distance / length) : 0;
        const double d = distance.value_or(0);
        const auto rgb = texture({place[0] + d * direction[0], place[1] + d * direction[1],
                                  place[2] + d * direction[2]});
        for (std::size_t c = 0; c < 3; ++c) colour[3 * pixel + c] = rgb[c];
      }
    return view;
  }

  /// What a scanner sees: the same rays as points in the sensor's frame.
  static kernels::Tensor scan(const stream::Pose& sensor, int width = 160, int height = 120) {
    const RenderedView view = render(sensor, width, height);
    const auto depth = view.depth.as<float>();
    kernels::Tensor points(kernels::DType::f32, {static_cast<std::int64_t>(width) * height, 3});
    const auto xyz = points.as<float>();
    std::size_t pixel = 0;
    for (int v = 0; v < height; ++v)
      for (int u = 0; u < width; ++u, ++pixel) {
        const double z = depth[pixel] > 0 ? static_cast<double>(depth[pixel])
                                          : std::numeric_limits<double>::quiet_NaN();
        xyz[3 * pixel] = static_cast<float>((u - view.intrinsics.cx) / view.intrinsics.fx * z);
        xyz[3 * pixel + 1] = static_cast<float>((v - view.intrinsics.cy) / view.intrinsics.fy * z);
        xyz[3 * pixel + 2] = static_cast<float>(z);
      }
    return points;
  }
};

/// A camera that looks about and moves sideways: about 2 cm and 1 degree per frame.
inline stream::Pose scripted_pose(int frame) {
  const double t = frame;
  return make_pose({0.2, 1, 0.1}, 1.0 * t, {0.018 * t, -0.004 * t, 0.008 * t});
}

}  // namespace sluice::test
