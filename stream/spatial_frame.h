// Frames with geometry: patch features with a depth image, or a point cloud. The input of the
// spatial reducer, and where it comes from.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernels/tensor.h"
#include "stream/feature_frame.h"
#include "stream/source.h"

namespace sluice::stream {

/// One view. Either `features` and `depth` are defined (RGB-D), or `points` is (a cloud).
struct SpatialFrame {
  std::int64_t index = 0;  ///< 0, 1, 2 … in the order of arrival
  double pts = 0;          ///< seconds from the start
  std::int64_t episode = 0;
  /// Camera (or cloud) to world. Nothing if it is unknown: such a frame can't be placed.
  std::optional<Pose> pose;
  bool pose_estimated = false;  ///< by odometry or registration rather than given
  bool pose_assumed = false;    ///< by nobody: taken to be the world's own frame

  kernels::Tensor features;   ///< [S,D] of the colour image's patches; f32, f16 or bf16
  kernels::Tensor attention;  ///< [S] f32; undefined if there is none
  /// [H,W] f32, metres along the optical axis, 0 where there is none. Registered to the colour
  /// image: the pixel at a relative place shows what the colour pixel at that place shows. Its size
  /// may differ from the colour image's.
  kernels::Tensor depth;
  /// Of the registered depth image, in its pixels. The centre of the upper left pixel is (0, 0).
  Intrinsics intrinsics;

  kernels::Tensor points;   ///< [n,3] f32 metres, in the sensor's frame
  kernels::Tensor colours;  ///< [n,3] u8 RGB; undefined if there are none
};

/// A recording or a live stream of frames with geometry.
class SpatialSource {
 public:
  virtual ~SpatialSource() = default;
  /// Grid, picture size and feature width; for clouds no grid, and feature width 0.
  [[nodiscard]] virtual const Source& source() const = 0;
  /// Fills `frame`, reusing its memory. False at the end. A damaged or incomplete frame (unreadable
  /// PNG, missing depth) is skipped, counted and noted; one whose pose is missing or makes no sense
  /// comes without a pose. Throws sluice::Error only if nothing more can be read.
  [[nodiscard]] virtual bool next(SpatialFrame& frame) = 0;
  [[nodiscard]] virtual InputStatistics statistics() const = 0;
  [[nodiscard]] virtual std::optional<std::int64_t> frame_count() const { return std::nullopt; }
};

}  // namespace sluice::stream
