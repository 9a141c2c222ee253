// Patches with places become voxel tokens, all at once (AdaToken-3D).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/resources.h"
#include "kernels/tensor.h"
#include "stream/token_batch.h"

namespace sluice::spatial3d {

/// How to choose when there are more voxels than tokens may be.
enum class CapChoice {
  farthest,      ///< farthest-point sampling: keeps coverage
  seeded_sample  ///< as published, but from a seed and in ascending order
};

struct VoxelTokenOptions {
  float voxel_size = 0.2F;         ///< metres; rooms 0.2 as published, table tops 0.03, robots 0.02
  std::int64_t max_tokens = 2560;  ///< as published; 0: no cap
  CapChoice cap_choice = CapChoice::farthest;
  std::uint64_t seed = 0;  ///< of the seeded sample
};

struct VoxelTokens {
  stream::TokenBatch tokens;             ///< ordered by key: x, then y, then z
  std::vector<std::int32_t> views;       ///< per token: in how many frames it was seen
  std::vector<std::int32_t> assignment;  ///< [N] row in `tokens`, or a stream::DropReason
  std::int64_t voxels = 0;               ///< before the cap
};

/// features [N,D] with places xyz [N,3]; NaN where there is none. `frame` and `pts` per point tell
/// when it was seen. A token is the mean feature of its voxel's points, at their mean place, and
/// weighs as many as they are. Points with NaN or infinity among their features are left out, not
/// pooled: they would spoil their voxel's mean. Why a point is in no token: no_depth (a NaN in its
/// place), outside (its place has no voxel key), non_finite, over_cap. Throws sluice::Error (kind
/// input) for shapes that don't fit and options out of range.
[[nodiscard]] VoxelTokens voxel_tokens(kernels::Resources& resources,
                                       const kernels::TensorView& features,
                                       std::span<const float> xyz,
                                       std::span<const std::int32_t> frame,
                                       std::span<const double> pts,
                                       const VoxelTokenOptions& options);

}  // namespace sluice::spatial3d
