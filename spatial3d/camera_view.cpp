#include "spatial3d/camera_view.h"

#include <algorithm>
#include <cmath>

namespace sluice::spatial3d {

CameraView::CameraView(const stream::Intrinsics& intrinsics, std::int64_t width,
                       std::int64_t height, const stream::Pose& camera_to_world,
                       double farthest) noexcept
    : intrinsics_(intrinsics),
      width_(width),
      height_(height),
      world_to_camera_(stream::inverse(camera_to_world)),
      origin_(stream::origin(camera_to_world)),
      farthest_(farthest) {
  // Slopes x/z and y/z of the picture's edges; pixel centres are at whole numbers.
  const double left = (-0.5 - intrinsics.cx) / intrinsics.fx;
  const double right = (static_cast<double>(width) - 0.5 - intrinsics.cx) / intrinsics.fx;
  const double top = (-0.5 - intrinsics.cy) / intrinsics.fy;
  const double bottom = (static_cast<double>(height) - 0.5 - intrinsics.cy) / intrinsics.fy;
  const auto side = [](double x, double y, double z) {
    const double length = std::sqrt(x * x + y * y + z * z);
    return Side{x / length, y / length, z / length};
  };
  sides_[0] = side(1, 0, -left);
  sides_[1] = side(-1, 0, right);
  sides_[2] = side(0, 1, -top);
  sides_[3] = side(0, -1, bottom);

  for (std::size_t axis = 0; axis < 3; ++axis) {
    const double* turn = &camera_to_world[4 * axis];
    ray_[axis][1] = turn[0] / intrinsics.fx;
    ray_[axis][2] = turn[1] / intrinsics.fy;
    ray_[axis][0] = turn[2] - intrinsics.cx * ray_[axis][1] - intrinsics.cy * ray_[axis][2];
  }

  bounds_.low = bounds_.high = origin_;
  for (const double x : {left, right})
    for (const double y : {top, bottom}) {
      const Vec3 corner =
          stream::transform(camera_to_world, {x * farthest, y * farthest, farthest});
      for (std::size_t axis = 0; axis < 3; ++axis) {
        bounds_.low[axis] = std::min(bounds_.low[axis], corner[axis]);
        bounds_.high[axis] = std::max(bounds_.high[axis], corner[axis]);
      }
    }
}

bool CameraView::may_see(const Vec3& centre, double radius) const noexcept {
  if (centre[2] + radius <= 0 || centre[2] - radius > farthest_) return false;
  return std::all_of(std::begin(sides_), std::end(sides_), [&](const Side& side) {
    return side.x * centre[0] + side.y * centre[1] + side.z * centre[2] >= -radius;
  });
}

}  // namespace sluice::spatial3d
