// Asks a frame's depth image about every voxel in view.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/resources.h"
#include "spatial3d/block_index.h"
#include "spatial3d/voxel_map.h"
#include "spatial3d/voxel_store.h"

namespace sluice::spatial3d {

class SeeThrough {
 public:
  /// Changes neither the store nor the index. `view` has a pose and a depth image.
  void look(kernels::Resources& resources, const MapView& view, const VoxelMapOptions& options,
            const VoxelStore& store, const BlockIndex& blocks);
  /// Forgets what the last look gave.
  void clear() noexcept;

  /// Voxels that the frame sees through, ordered by key.
  [[nodiscard]] const std::vector<std::int32_t>& through() const noexcept { return through_; }
  /// Voxels that were seen through in a row of frames, and in which this one sees a surface.
  [[nodiscard]] const std::vector<std::int32_t>& surface() const noexcept { return surface_; }

 private:
  struct Found {
    std::vector<std::int32_t> through, surface;
  };

  std::vector<std::int32_t> blocks_;
  std::vector<Found> found_;  // per thread
  std::vector<std::int32_t> through_, surface_;
};

}  // namespace sluice::spatial3d
