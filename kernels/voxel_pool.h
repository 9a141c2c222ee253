// Groups points by voxel and averages their features (LLaVA-3D's voxel pooling, AdaToken-3D
// arXiv 2505.12782). Sorting and scanning are Thrust's: TBB on the CPU, CUDA under
// nvcc; the sums run in our own order.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/resources.h"
#include "kernels/tensor.h"
#include "kernels/voxel_key.h"

namespace sluice::kernels {

/// Which points lie in which voxel. n voxels, N points.
struct VoxelGroups {
  std::vector<VoxelKey> key;         ///< [n] ascending, so ordered by x, y, z
  std::vector<std::int32_t> first;   ///< [n+1] where each voxel's members begin in `member`
  std::vector<std::int32_t> member;  ///< point indices, ascending within a voxel
  std::vector<std::int32_t> voxel;   ///< [N] row of each point's voxel; -1 if it has none

  [[nodiscard]] std::int64_t size() const noexcept { return static_cast<std::int64_t>(key.size()); }
};

/// xyz: [N,3] metres; points that voxel_of() rejects are in no voxel. Reuses the memory of
/// `groups`. Throws sluice::Error (kind input) unless size > 0 and finite.
void group_by_voxel(Resources& resources, std::span<const float> xyz, float size,
                    VoxelGroups& groups);

/// features [N,D] (f32, f16, bf16) → pooled [n,D] in the same type: the mean over each voxel's
/// members. Sums run over ascending members in f32 (again in f64 where f32 overflows), so the
/// result depends on neither the thread count nor the instruction set. The mean of one row is that
/// row bit for bit. Throws sluice::Error (kind input) for other types and unless there is a row per
/// point.
void pool_groups(Resources& resources, const TensorView& features, const VoxelGroups& groups,
                 Tensor& pooled);

/// Mean position of each voxel's members, [n,3] f32, summed in double. xyz: what was grouped.
void mean_positions(std::span<const float> xyz, const VoxelGroups& groups,
                    std::vector<float>& centres);

}  // namespace sluice::kernels
