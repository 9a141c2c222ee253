#include "kernels/voxel_key.h"

#include "kernels/voxel_quantise.inl"

namespace sluice::kernels {

VoxelKey voxel_of(const float* xyz, float size) noexcept {
  return quantise(xyz, size);
}

}  // namespace sluice::kernels
