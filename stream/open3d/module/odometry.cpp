#include "stream/open3d/module/odometry.h"

#include <open3d/camera/PinholeCameraIntrinsic.h>
#include <open3d/geometry/Image.h>
#include <open3d/geometry/RGBDImage.h>
#include <open3d/pipelines/odometry/Odometry.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "stream/open3d/module/eigen_pose.h"

namespace sluice::stream::module {
namespace {

namespace geometry = open3d::geometry;
namespace odometry = open3d::pipelines::odometry;

geometry::Image image_of(int width, int height, const float* pixels) {
  geometry::Image image;
  image.Prepare(width, height, 1, sizeof(float));
  std::memcpy(image.data_.data(), pixels, image.data_.size());
  return image;
}

geometry::RGBDImage rgbd_of(const DepthView& view) {
  return {image_of(view.width, view.height, view.grey),
          image_of(view.width, view.height, view.depth)};
}

double pixels_with_depth(const DepthView& view, double max_depth) {
  const std::ptrdiff_t pixels = std::ptrdiff_t{view.width} * view.height;
  return static_cast<double>(std::count_if(view.depth, view.depth + pixels, [&](float depth) {
    return depth > 0 && static_cast<double>(depth) <= max_depth;
  }));
}

}  // namespace

ViewMatch match_images(const OdometryProblem& problem) {
  const Intrinsics& k = problem.intrinsics;
  const open3d::camera::PinholeCameraIntrinsic camera(problem.from.width, problem.from.height, k.fx,
                                                      k.fy, k.cx, k.cy);
  const odometry::OdometryOption option({20, 10, 5}, problem.max_depth_difference, 0.0,
                                        problem.max_depth);
  const auto [found, motion, information] = odometry::ComputeRGBDOdometry(
      rgbd_of(problem.from), rgbd_of(problem.to), camera, to_eigen(problem.guess),
      odometry::RGBDOdometryJacobianFromHybridTerm(), option);
  ViewMatch match;
  match.found = found && motion.allFinite();
  match.motion = from_eigen(motion);
  // The information matrix sums up GᵀG with G = [−x×, I]: its last diagonal entries count pairs.
  const double valid = pixels_with_depth(problem.from, problem.max_depth);
  match.overlap = valid > 0 ? information(5, 5) / valid : 0;
  return match;
}

}  // namespace sluice::stream::module
