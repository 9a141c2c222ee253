// What is known of each voxel of a map: plain columns, the input of the gate and of tools.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/voxel_key.h"

namespace sluice::spatial3d {

/// n voxels, ordered by key. Every column has n entries.
struct VoxelTable {
  std::vector<kernels::VoxelKey> key;
  std::vector<std::int32_t> slot;           ///< where the map keeps it; as long as the voxel lives
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
  /// Which state of which map this shows, so that VoxelMap::table() rewrites only what changed
  /// since; 0: none. A table that was edited must not be handed to it again.
  std::uint64_t version = 0;

  [[nodiscard]] std::int64_t size() const noexcept { return static_cast<std::int64_t>(key.size()); }
};

/// Calls visit(column, entries per voxel) for every column of a VoxelTable, const or not.
template <typename Table, typename Visit>
void for_each_table_column(Table& table, Visit&& visit) {
  visit(table.key, 1);
  visit(table.slot, 1);
  visit(table.xyz, 3);
  visit(table.weight, 1);
  visit(table.views, 1);
  visit(table.first_frame, 1);
  visit(table.last_frame, 1);
  visit(table.first_pts, 1);
  visit(table.last_pts, 1);
  visit(table.change, 1);
  visit(table.view_spread, 1);
  visit(table.in_view, 1);
}

}  // namespace sluice::spatial3d
