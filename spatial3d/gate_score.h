// What a voxel token is worth to the gate, from its place in the map and from attention.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "spatial3d/gate_memory.h"
#include "spatial3d/spatial_gate.h"
#include "spatial3d/voxel_table.h"
#include "stream/token_batch.h"

namespace sluice::spatial3d {

/// Attention as it counts for a token now.
struct Relevance {
  double value = 0;       ///< 0 to 1
  double confidence = 0;  ///< 0 to 1: how fresh it is, less where it comes from a neighbour
};

/// Per row of `keys`: a token's own attention, or that of the voxels around it where that is the
/// fresher. Neighbours are averaged by confidence.
void spread_attention(std::span<const kernels::VoxelKey> keys, std::span<const TokenMemory> memory,
                      double now, const SpatialGateOptions& options,
                      std::vector<Relevance>& relevance);

struct TokenScore {
  double value = 0;                                         ///< 0 to 1
  stream::KeepReason reason = stream::KeepReason::surface;  ///< what contributed most
};

/// Of one row.
[[nodiscard]] TokenScore score_token(const VoxelTable& table, std::size_t row,
                                     const SurfaceShape& shape, const Relevance& relevance,
                                     double now, const SpatialGateOptions& options);

}  // namespace sluice::spatial3d
