// What the patches of one frame do to one voxel.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kernels/resources.h"
#include "kernels/tensor.h"
#include "spatial3d/voxel_store.h"
#include "stream/pose.h"

namespace sluice::spatial3d {

/// A frame's patches, as a voxel's update needs them.
struct PatchView {
  std::int32_t frame = 0;
  double pts = 0;
  kernels::TensorView features;        ///< [S,D]
  std::span<const float> xyz;          ///< [S,3]
  std::optional<stream::Vec3> camera;  ///< where the camera is, if known
  double change_rate = 0.25;           ///< weight of this frame in the smoothed change
};

/// Memory for two rows, one per thread.
class RowScratch {
 public:
  void reserve(std::int64_t width) {
    memory_.resize(static_cast<std::size_t>(2 * width));
    width_ = width;
  }
  [[nodiscard]] float* first() noexcept { return memory_.data(); }
  [[nodiscard]] float* second() noexcept { return memory_.data() + width_; }

 private:
  std::vector<float> memory_;
  std::int64_t width_ = 0;
};

/// Adds `patches` (ascending, at least one, all in this voxel) to a voxel. The sums grow patch by
/// patch, so that they don't depend on how patches are spread over frames.
void add_patches(const kernels::cpu::RowKernels& kernels, const PatchView& view,
                 std::span<const std::int32_t> patches, RowScratch& scratch, VoxelRecord& record,
                 float* sum) noexcept;

/// Length of the mean feature.
[[nodiscard]] float mean_length(const VoxelRecord& record) noexcept;

}  // namespace sluice::spatial3d
