// kernels/voxel_pool.h for points and features that lie on a CUDA device: the same groups, and the
// same means bit for bit (of a NaN, only that it is one). Built where a CUDA compiler was found.
#pragma once

#include <cstdint>
#include <memory>

#include "kernels/tensor.h"
#include "kernels/voxel_pool.h"

namespace sluice::kernels::cuda {

/// Holds the groups, and the memory for the next ones. Calls return when the device is done. They
/// throw sluice::Error: kind input for tensors that don't fit, kind system where CUDA fails.
class VoxelPool {
 public:
  /// Throws sluice::Error (kind system) if there is no such device.
  explicit VoxelPool(int device = 0);
  VoxelPool(VoxelPool&&) noexcept;
  VoxelPool& operator=(VoxelPool&&) noexcept;
  ~VoxelPool();

  /// xyz [N,3] f32 metres on the device, contiguous. Returns the number of voxels n.
  std::int64_t group(const TensorView& xyz, float size);
  /// features [N,D] (f32, f16, bf16) on the device, contiguous → pooled [n,D] of the same type, at
  /// `pooled` on the device, which has room for it.
  void pool(const TensorView& features, void* pooled) const;
  /// Copies the groups to host memory.
  void download(VoxelGroups& groups) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::kernels::cuda
