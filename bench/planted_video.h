// Feature tensors with planted structure for the benchmarks, bit for bit those of planted_video.py.
#pragma once

#include <cstdint>

#include "kernels/resources.h"
#include "kernels/tensor.h"

namespace sluice::bench {

struct VideoShape {
  std::int64_t frames = 0;
  std::int64_t positions = 0;
  std::int64_t width = 0;
};

struct PlantedVideo {
  kernels::Tensor features;   ///< [F,S,D] f32
  kernels::Tensor attention;  ///< [F,S] f32
};

/// Scenes of 5 to 16 frames; inside a scene about 58 % of the positions barely change (adjacent
/// cosine near 0.98), the rest does (near 0.2), so about half of all tokens are redundant at τ 0.8.
/// Positions of one scene fall into 12 clusters. Every value comes from an integer hash.
[[nodiscard]] PlantedVideo planted_video(kernels::Resources& resources, const VideoShape& shape,
                                         std::uint64_t seed = 1);

/// Sum of the bit patterns of f32 elements modulo 2^64: equal inputs, equal number.
[[nodiscard]] std::uint64_t checksum(const kernels::TensorView& values);

}  // namespace sluice::bench
