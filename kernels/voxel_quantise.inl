// From coordinates to cells, for the CPU and for CUDA. Internal to kernels/: it must be compiled
// without -ffast-math, so users call voxel_of().
#pragma once

#include <cstdint>

#include "kernels/voxel_key.h"

namespace sluice::kernels {

constexpr VoxelKey quantise(const float* xyz, float size) noexcept {
  constexpr float to_nearest = 12582912.0F;  // 1.5·2^23: adding it rounds to a whole number …
  constexpr float limit = 4194304.0F;  // … below 2^22, beyond which no cell is representable
  std::int32_t cell[3] = {};
  for (int axis = 0; axis < 3; ++axis) {
    const float cells = xyz[axis] / size;
    if (!(-limit < cells && cells < limit)) return no_voxel;  // NaN, too
    cell[axis] = static_cast<std::int32_t>((cells + to_nearest) - to_nearest);
  }
  const VoxelIndex index{cell[0], cell[1], cell[2]};
  return is_representable(index) ? pack(index) : no_voxel;
}

}  // namespace sluice::kernels
