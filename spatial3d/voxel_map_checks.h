// What a voxel map can work with.
#pragma once

#include "spatial3d/voxel_map.h"

namespace sluice::spatial3d {

/// Throws sluice::Error (kind input) for options out of range.
void require(const VoxelMapOptions& options);

/// Throws sluice::Error (kind input) for a frame that doesn't fit together in itself.
void require(const MapView& view);

}  // namespace sluice::spatial3d
