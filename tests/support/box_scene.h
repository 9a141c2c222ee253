// A room with boxes in it, ray cast exactly: depth images whose truth is known.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/tensor.h"
#include "stream/depth_image.h"
#include "stream/pose.h"
#include "tests/support/random_clip.h"

namespace sluice::test {

using stream::Vec3;

/// Axis-aligned, metres. Seen from inside it is a room.
struct Box {
  Vec3 low, high;
};

struct DepthSensor {
  double noise = 0;       ///< standard deviation, metres at 1 m, growing with the square of depth
  double invalid = 0;     ///< chance that a pixel has no depth
  double resolution = 0;  ///< metres; depths are whole multiples of it; 0: exact
};

/// Camera to world of a camera at `eye` that looks at `target`; z is up in the world.
inline stream::Pose look_at(const Vec3& eye, const Vec3& target) {
  const auto unit = [](Vec3 v) {
    const double length = std::hypot(v[0], v[1], v[2]);
    return Vec3{v[0] / length, v[1] / length, v[2] / length};
  };
  const Vec3 forward = unit({target[0] - eye[0], target[1] - eye[1], target[2] - eye[2]});
  const Vec3 right = unit({forward[1], -forward[0], 0});
  const Vec3 down{forward[1] * right[2] - forward[2] * right[1],
                  forward[2] * right[0] - forward[0] * right[2],
                  forward[0] * right[1] - forward[1] * right[0]};
  return {right[0], down[0], forward[0], eye[0], right[1], down[1], forward[1], eye[1],
          right[2], down[2], forward[2], eye[2], 0,        0,       0,          1};
}

/// A pinhole camera with square pixels and the given opening angle, in degrees.
inline stream::Camera pinhole(std::int32_t width, std::int32_t height, double degrees) {
  const double focal = 0.5 * width / std::tan(degrees * std::acos(-1.0) / 360);
  return {{focal, focal, 0.5 * (width - 1), 0.5 * (height - 1)}, width, height};
}

/// Distance along `ray` to the surface of `box`, from inside or outside; infinite if it is missed.
inline double distance_to(const Box& box, const Vec3& eye, const Vec3& ray) {
  double enter = -std::numeric_limits<double>::infinity();
  double leave = std::numeric_limits<double>::infinity();
  for (std::size_t axis = 0; axis < 3; ++axis) {
    if (ray[axis] == 0) {
      if (eye[axis] < box.low[axis] || eye[axis] > box.high[axis])
        return std::numeric_limits<double>::infinity();
      continue;
    }
    const double a = (box.low[axis] - eye[axis]) / ray[axis];
    const double b = (box.high[axis] - eye[axis]) / ray[axis];
    enter = std::max(enter, std::min(a, b));
    leave = std::min(leave, std::max(a, b));
  }
  if (enter > leave || leave <= 0) return std::numeric_limits<double>::infinity();
  return enter > 0 ? enter : leave;
}

/// [H,W] f32 metres along the optical axis.
inline kernels::Tensor render_depth(const std::vector<Box>& boxes, const stream::Camera& camera,
                                    const stream::Pose& camera_to_world, const DepthSensor& sensor,
                                    Random& random) {
  kernels::Tensor depth(kernels::DType::f32, {camera.height, camera.width});
  auto values = depth.as<float>();
  const Vec3 eye = stream::origin(camera_to_world);
  const auto& [fx, fy, cx, cy] = camera.intrinsics;
  for (std::int32_t v = 0; v < camera.height; ++v)
    for (std::int32_t u = 0; u < camera.width; ++u) {
      const Vec3 ray = stream::rotate(camera_to_world, {(u - cx) / fx, (v - cy) / fy, 1});
      double z = std::numeric_limits<double>::infinity();
      for (const Box& box : boxes) z = std::min(z, distance_to(box, eye, ray));
      if (sensor.noise > 0) z += sensor.noise * z * z * static_cast<double>(random.normal());
      if (sensor.resolution > 0) z = std::nearbyint(z / sensor.resolution) * sensor.resolution;
      const bool valid =
          std::isfinite(z) && z > 0 && !(sensor.invalid > 0 && random.chance(sensor.invalid));
      values[static_cast<std::size_t>(v * camera.width + u)] = valid ? static_cast<float>(z) : 0.0F;
    }
  return depth;
}

}  // namespace sluice::test
