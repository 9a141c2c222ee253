// Estimates where a sensor was, from its point clouds alone.
#pragma once

#include <memory>
#include <optional>

#include "kernels/tensor.h"
#include "stream/open3d/view_tracker.h"

namespace sluice::stream {

struct CloudRegistrationOptions {
  TrackingOptions tracking = {};
  /// Metres. Clouds are thinned to one point per voxel of this size; also the farthest that two
  /// points of one place may be apart in the end. Rooms 0.05, streets 0.5.
  float voxel_size = 0.05F;
  int max_iterations = 40;  ///< of each of two passes
  /// How different the directions of the surfaces must be: smallest eigenvalue of the mean of n·nᵀ.
  /// On one plane, or in a bare corridor, clouds can slide along each other.
  double min_normal_spread = 0.005;
};

/// Tracks a sensor through its clouds, by point-to-plane ICP. It finds small motions: the start is
/// where the sensor would be if it went on as before. Errors add up as in RgbdOdometry. Same
/// clouds, same poses: one thread is used.
class CloudRegistration {
 public:
  /// Throws sluice::Error: kind input for options out of range, kind system without Open3D (see
  /// open3d_backend()).
  explicit CloudRegistration(const CloudRegistrationOptions& options = {});
  CloudRegistration(CloudRegistration&&) noexcept;
  CloudRegistration& operator=(CloudRegistration&&) noexcept;
  ~CloudRegistration();

  /// points [n,3] f32 metres in the sensor's frame; those that are not finite are ignored. Sensor
  /// to world, where the world is the first cloud's sensor; nothing if the cloud has too few
  /// points, too flat a shape, or can't be matched to what was seen before. Throws sluice::Error:
  /// kind input for other shapes, kind system if Open3D fails otherwise than by not finding a
  /// match.
  [[nodiscard]] std::optional<Pose> track(const kernels::TensorView& points);
  /// The next cloud is the first one.
  void reset();
  [[nodiscard]] const TrackingStatistics& statistics() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::stream
