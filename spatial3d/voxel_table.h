// What is known of each voxel of a map: plain columns, the input of the gate and of tools.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/voxel_key.h"

namespace sluice::spatial3d {

/// n voxels, ordered by key. Every column has n entries.
struct VoxelTable {
  std::vector<kernels::VoxelKey> key;
  std::vector<std::int32_t> slot;           ///< where the map keeps it; see VoxelMap::feature_sum
  std::vector<float> xyz;                   ///< [n,3] metres: mean of what was seen in it
  std::vector<std::int64_t> weight;         ///< patches pooled
  std::vector<std::int32_t> views;          ///< frames that saw it
  std::vector<std::int32_t> first_frame;    ///< that saw it
  std::vector<std::int32_t> last_frame;     ///< that saw it
  std::vector<double> first_pts, last_pts;  ///< seconds, of those frames
  /// How much it changes, 0 to 2: smoothed 1 − cos(what a frame saw, what was known before).
  std::vector<float> change;
  /// From how many sides it was seen, 0 to 1: one minus the length of the mean viewing direction.
  std::vector<float> view_spread;
  std::vector<std::uint8_t> in_view;  ///< 1 if the last frame saw it

  [[nodiscard]] std::int64_t size() const noexcept { return static_cast<std::int64_t>(key.size()); }
};

}  // namespace sluice::spatial3d
