// Estimates where a camera was, from colour and depth images alone.
#pragma once

#include <memory>
#include <optional>

#include "kernels/tensor.h"
#include "stream/open3d/view_tracker.h"
#include "stream/source.h"

namespace sluice::stream {

struct RgbdOdometryOptions {
  TrackingOptions tracking = {};
  int max_width = 320;   ///< pixels; larger images are reduced: faster, and hardly less precise
  double max_depth = 8;  ///< metres; what is farther is not used
  /// Metres by which the depths of two pixels may differ that show the same place.
  double max_depth_difference = 0.07;
  /// For recordings that know some of their poses: nothing is estimated before the first of them,
  /// because it would be told in another world.
  bool wait_for_known_pose = false;
};

/// Tracks a camera through its frames. Errors add up over the key views: expect a drift of some
/// percent of the distance travelled; nothing recognises a place that is seen again. Needs texture
/// or shape, and views that overlap. Same frames, same poses: one thread is used.
class RgbdOdometry {
 public:
  /// Throws sluice::Error: kind input for options out of range, kind system without Open3D (see
  /// open3d_backend()).
  explicit RgbdOdometry(const RgbdOdometryOptions& options = {});
  RgbdOdometry(RgbdOdometry&&) noexcept;
  RgbdOdometry& operator=(RgbdOdometry&&) noexcept;
  ~RgbdOdometry();

  /// colour [H,W,3] u8 RGB, depth [h,w] f32 metres registered to it (0, NaN or infinite: none), and
  /// the intrinsics of the depth image. Camera to world, where the world is the first frame's
  /// camera; nothing if the frame has too little depth, or can't be matched to what was seen
  /// before. All frames must have one depth size. Throws sluice::Error: kind input for other shapes
  /// and impossible intrinsics, kind system if Open3D fails otherwise than by not finding a match.
  [[nodiscard]] std::optional<Pose> track(const kernels::TensorView& colour,
                                          const kernels::TensorView& depth,
                                          const Intrinsics& intrinsics,
                                          const std::optional<Pose>& known = std::nullopt);
  /// The next frame is the first one.
  void reset();
  [[nodiscard]] const TrackingStatistics& statistics() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::stream
