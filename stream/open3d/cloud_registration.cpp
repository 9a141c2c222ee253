#include "stream/open3d/cloud_registration.h"

#include <cmath>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kernels/error.h"
#include "kernels/resources.h"
#include "kernels/voxel_pool.h"
#include "stream/open3d/backend_loader.h"

namespace sluice::stream {
namespace {

/// With fewer, the six unknowns of a motion hang on noise.
constexpr std::size_t least_points = 100;

/// What normals are estimated from.
constexpr int normal_neighbours = 30;
constexpr double normal_radius_voxels = 3;

/// One point per voxel, with normals.
struct Surface {
  std::vector<float> xyz, normals;
  double normal_spread = 0;

  [[nodiscard]] SurfaceView view() const noexcept {
    return {xyz.size() / 3, xyz.data(), normals.data()};
  }
};

void check(const CloudRegistrationOptions& options) {
  validate(options.tracking);
  if (!(options.voxel_size > 0) || !std::isfinite(options.voxel_size))
    throw input_error("voxel_size", concat(options.voxel_size), "a positive number of metres");
  if (options.max_iterations < 1)
    throw input_error("max_iterations", concat(options.max_iterations), "at least 1");
  if (!(options.min_normal_spread >= 0 && options.min_normal_spread <= 1.0 / 3))
    throw input_error("min_normal_spread", concat(options.min_normal_spread), "0 to 1/3");
}

}  // namespace

struct CloudRegistration::State {
  explicit State(const CloudRegistrationOptions& given)
      : options(given),
        backend(open3d_backend()),
        tracker(options.tracking, [this](const Surface& from, const Surface& to,
                                         const Pose& guess) { return match(from, to, guess); }) {}

  ViewMatch match(const Surface& from, const Surface& to, const Pose& guess) const {
    const AlignmentProblem problem{from.view(), to.view(), guess,
                                   static_cast<double>(options.voxel_size), options.max_iterations};
    ViewMatch match;
    const std::string failure = backend.align(problem, match);
    if (!failure.empty()) throw system_error("Open3D registration", failure);
    return match;
  }

  Surface thinned(std::span<const float> points) {
    Surface surface;
    kernels::group_by_voxel(one_thread, points, options.voxel_size, groups);
    kernels::mean_positions(points, groups, surface.xyz);
    surface.normals.resize(surface.xyz.size());
    const std::string failure =
        backend.estimate_normals(surface.xyz.data(), surface.xyz.size() / 3,
                                 normal_radius_voxels * static_cast<double>(options.voxel_size),
                                 normal_neighbours, surface.normals.data(), surface.normal_spread);
    if (!failure.empty()) throw system_error("Open3D normals", failure);
    return surface;
  }

  CloudRegistrationOptions options;
  const Open3dBackend& backend;
  ViewTracker<Surface> tracker;
  kernels::Resources one_thread{1};
  kernels::VoxelGroups groups;
};

CloudRegistration::CloudRegistration(const CloudRegistrationOptions& options) {
  check(options);
  state_ = std::make_unique<State>(options);
}
CloudRegistration::CloudRegistration(CloudRegistration&&) noexcept = default;
CloudRegistration& CloudRegistration::operator=(CloudRegistration&&) noexcept = default;
CloudRegistration::~CloudRegistration() = default;

std::optional<Pose> CloudRegistration::track(const kernels::TensorView& points) {
  if (points.rank() != 2 || points.size(1) != 3 || points.dtype() != kernels::DType::f32)
    throw input_error("registration",
                      concat("points ", name(points.dtype()), points.shape().to_string()),
                      "[n,3] f32");
  Surface surface = state_->thinned(points.as<float>());
  if (surface.xyz.size() < 3 * least_points ||
      surface.normal_spread < state_->options.min_normal_spread)
    return state_->tracker.skip();
  return state_->tracker.track(std::move(surface));
}

void CloudRegistration::reset() {
  state_->tracker.reset();
}

const TrackingStatistics& CloudRegistration::statistics() const noexcept {
  return state_->tracker.statistics();
}

}  // namespace sluice::stream
