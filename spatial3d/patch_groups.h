// Which voxel each patch of a frame belongs to, and which patches each of those voxels gets.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "kernels/resources.h"
#include "spatial3d/voxel_map.h"

namespace sluice::spatial3d {

class PatchGroups {
 public:
  struct Group {
    kernels::VoxelKey key = kernels::no_voxel;
    std::int32_t first = 0, count = 0;  ///< its patches; see patches()
  };

  /// Groups the patches of `view`; voxel_of_patch [S] gets the key of each one's voxel, or the
  /// stream::DropReason why it has none: no_depth, outside, non_finite.
  void group(kernels::Resources& resources, const MapView& view, const VoxelMapOptions& options,
             std::vector<std::int64_t>& voxel_of_patch);

  /// Ascending keys.
  [[nodiscard]] const std::vector<Group>& groups() const noexcept { return groups_; }
  /// Ascending indices.
  [[nodiscard]] std::span<const std::int32_t> patches(const Group& group) const noexcept {
    return std::span(patches_).subspan(static_cast<std::size_t>(group.first),
                                       static_cast<std::size_t>(group.count));
  }

 private:
  std::vector<std::pair<kernels::VoxelKey, std::int32_t>> placed_;  // voxel and patch
  std::vector<std::int32_t> patches_;
  std::vector<Group> groups_;
};

}  // namespace sluice::spatial3d
