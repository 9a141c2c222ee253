// Follows every voxel of a map through a recording: which patches it took, when it went, and what
// became of it.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "kernels/voxel_key.h"
#include "spatial3d/spatial_reducer.h"
#include "stream/spatial_trace.h"

namespace sluice::apps {

class VoxelLives {
 public:
  /// Fills the patches and voxels of `trace`, which must outlive this.
  explicit VoxelLives(stream::SpatialTrace& trace) : trace_(trace) {
    trace_.first_patch.push_back(0);
  }

  /// After each frame.
  void add(const spatial3d::SpatialUpdate& update, const spatial3d::SpatialReducer& reducer);
  /// After the last frame: what is still in the map was kept or not. Orders the voxels by key, then
  /// by time.
  void finish(const spatial3d::GateDecision& decision, const spatial3d::SpatialReducer& reducer);

 private:
  void add_patch(const spatial3d::SpatialUpdate& update, std::int64_t voxel,
                 const std::array<float, 3>& place);
  void end_lives(const std::vector<kernels::VoxelKey>& keys, stream::DropReason reason);
  void order();

  stream::SpatialTrace& trace_;
  std::unordered_map<kernels::VoxelKey, std::int32_t> living_;  ///< index into trace_.voxels
  std::vector<std::array<double, 3>> place_sums_;               ///< per voxel
};

}  // namespace sluice::apps
