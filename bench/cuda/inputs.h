// What the GPU benchmarks work on: the planted videos and the room of the CPU's benchmarks.
#pragma once

#include <cstdint>
#include <vector>

#include "bench/planted_video.h"
#include "kernels/resources.h"
#include "kernels/tensor.h"

namespace sluice::bench {

/// A contiguous f32 tensor in another feature type, each element rounded to nearest.
[[nodiscard]] kernels::Tensor in_type(kernels::Resources& resources,
                                      const kernels::TensorView& values, kernels::DType dtype);

/// 20 views of a room as AdaToken-3D has them, 576 patches each, voxels of 0.2 m.
inline constexpr std::int64_t room_views = 20, room_side = 24, room_width = 1024;
inline constexpr std::int64_t room_patches = room_side * room_side;
inline constexpr float room_voxel_size = 0.2F;

/// xyz [V·576,3]: each view sees 3.2 m of the walls of a room of 6 × 5 m, 2.7 m high, and starts
/// 1.1 m after the one before. The same bits as places() of bench/peer_voxel_pool.py.
[[nodiscard]] std::vector<float> room_places();

}  // namespace sluice::bench
