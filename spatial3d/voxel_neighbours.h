// Finds what lies around a voxel in a list of keys, with no index besides their order.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "kernels/voxel_key.h"

namespace sluice::spatial3d {

/// Calls visit(row) for every row of the ascending `keys` whose voxel lies in the box from `first`
/// to `last`, both included, in ascending order. Costs a search per plane x of the box and per
/// occupied line (x, y) in it, whatever the number of keys. The box is cut off where the lattice
/// ends.
template <typename Visit>
void for_each_in_box(std::span<const kernels::VoxelKey> keys, kernels::VoxelIndex first,
                     kernels::VoxelIndex last, Visit&& visit) {
  const auto on_lattice = [](std::int32_t c) {
    return std::clamp(c, static_cast<std::int32_t>(-kernels::voxel_axis_offset),
                      static_cast<std::int32_t>(kernels::voxel_axis_offset - 1));
  };
  first = {on_lattice(first.x), on_lattice(first.y), on_lattice(first.z)};
  last = {on_lattice(last.x), on_lattice(last.y), on_lattice(last.z)};
  auto row = keys.begin();
  const auto skip_to = [&](const kernels::VoxelIndex& voxel) {
    row = std::lower_bound(row, keys.end(), pack(voxel));
  };
  for (std::int32_t x = first.x; x <= last.x; ++x) {
    skip_to({x, first.y, first.z});
    while (row != keys.end()) {
      const kernels::VoxelIndex voxel = kernels::unpack(*row);
      if (voxel.x > x || voxel.y > last.y) break;
      if (voxel.z < first.z) {
        skip_to({x, voxel.y, first.z});
      } else if (voxel.z > last.z) {
        if (voxel.y == last.y) break;
        skip_to({x, voxel.y + 1, first.z});
      } else {
        visit(static_cast<std::size_t>(row - keys.begin()));
        ++row;
      }
    }
  }
}

/// The same for the voxels at most `radius` from `centre` along each axis, itself included if it is
/// there.
template <typename Visit>
void for_each_neighbour(std::span<const kernels::VoxelKey> keys, const kernels::VoxelIndex& centre,
                        std::int32_t radius, Visit&& visit) {
  for_each_in_box(keys, {centre.x - radius, centre.y - radius, centre.z - radius},
                  {centre.x + radius, centre.y + radius, centre.z + radius}, visit);
}

}  // namespace sluice::spatial3d
