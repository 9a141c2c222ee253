// Draws the voxel tokens of a moment into the picture that was taken then.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "apps/report/spatial_statistics.h"
#include "stream/io/image.h"
#include "stream/pose.h"
#include "stream/source.h"

namespace sluice::report {

/// The map after a frame, and the camera of that frame. Everything must outlive the drawing.
struct SpatialMoment {
  std::int64_t frame = 0, frames = 0;  ///< index, and how many there will be (0: unknown)
  double pts = 0;                      ///< seconds
  const stream::Pose* pose = nullptr;  ///< camera to world; null: nothing can be projected
  stream::Intrinsics intrinsics;       ///< of the depth image
  std::span<const float> depth;        ///< [depth_height,depth_width] metres, 0 where there is none
  int depth_width = 0, depth_height = 0;
  double voxel_size = 0;                 ///< metres
  std::span<const float> xyz;            ///< [n,3] metres: every voxel
  std::span<const std::int32_t> keep;    ///< rows of the kept ones, ascending
  std::span<const std::uint8_t> reason;  ///< KeepReason per entry of `keep`
  double turnover = 0;                   ///< of this frame
};

struct SpatialOverlayStyle {
  bool caption = true;  ///< a band below the picture: time, counts, turnover, playhead
};

/// Dots at the kept voxels that the camera sees, coloured by reason; faint ones at the others. A
/// voxel whose place lies behind the measured surface is hidden. `image` may have any size, and
/// grows by the caption at the bottom. Returns how many kept tokens are visible. Throws
/// sluice::Error for an empty picture.
std::int64_t draw_spatial_overlay(stream::Image& image, const SpatialMoment& moment,
                                  const SpatialOverlayStyle& style = {});

}  // namespace sluice::report
