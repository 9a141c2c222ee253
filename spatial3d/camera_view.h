// What a camera can see: its frustum, and where points fall in its picture.
#pragma once

#include <cstdint>

#include "stream/pose.h"
#include "stream/source.h"

namespace sluice::spatial3d {

/// A sphere or point in the camera's frame: x right, y down, z forward, metres.
using stream::Vec3;

class CameraView {
 public:
  /// A picture of width × height pixels that shows nothing beyond `farthest` metres.
  CameraView(const stream::Intrinsics& intrinsics, std::int64_t width, std::int64_t height,
             const stream::Pose& camera_to_world, double farthest) noexcept;

  [[nodiscard]] Vec3 to_camera(const Vec3& world) const noexcept {
    return stream::transform(world_to_camera_, world);
  }
  /// Where a point in front of the camera falls in the picture, in pixels.
  [[nodiscard]] double column(const Vec3& point) const noexcept {
    return intrinsics_.fx * point[0] / point[2] + intrinsics_.cx;
  }
  [[nodiscard]] double row(const Vec3& point) const noexcept {
    return intrinsics_.fy * point[1] / point[2] + intrinsics_.cy;
  }
  /// From the camera's centre through a pixel, in the world; one metre deep along the optical axis.
  [[nodiscard]] Vec3 ray(double column, double row) const noexcept {
    return {ray_[0][0] + column * ray_[0][1] + row * ray_[0][2],
            ray_[1][0] + column * ray_[1][1] + row * ray_[1][2],
            ray_[2][0] + column * ray_[2][1] + row * ray_[2][2]};
  }
  /// The camera's centre in the world.
  [[nodiscard]] const Vec3& origin() const noexcept { return origin_; }
  /// False if no point of a ball (centre in the camera's frame) can be in the picture; it may be
  /// true for some balls just outside its edges.
  [[nodiscard]] bool may_see(const Vec3& centre, double radius) const noexcept;

  /// The smallest box in the world that holds everything in view.
  struct Box {
    Vec3 low, high;
  };
  [[nodiscard]] Box bounds() const noexcept { return bounds_; }

  [[nodiscard]] const stream::Intrinsics& intrinsics() const noexcept { return intrinsics_; }
  [[nodiscard]] std::int64_t width() const noexcept { return width_; }
  [[nodiscard]] std::int64_t height() const noexcept { return height_; }

 private:
  struct Side {  // a plane through the camera's centre; its normal points into the view
    double x = 0, y = 0, z = 0;
  };

  stream::Intrinsics intrinsics_;
  std::int64_t width_;
  std::int64_t height_;
  stream::Pose world_to_camera_;
  Vec3 origin_;
  double ray_[3][3];  // per world axis: at column and row 0, per column, per row
  double farthest_;
  Side sides_[4];
  Box bounds_;
};

}  // namespace sluice::spatial3d
