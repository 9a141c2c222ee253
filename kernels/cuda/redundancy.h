// kernels/redundancy.h for features on a CUDA device: the same bits, cosines and flags, bit for
// bit. Built where a CUDA compiler was found.
#pragma once

#include <cstdint>

#include "kernels/cuda/stream_resources.h"
#include "kernels/redundancy.h"
#include "kernels/tensor.h"

namespace sluice::kernels::cuda {

/// For F frames of S positions, on the device; pair f compares frames f and f+1. Masks are words of
/// 32 positions, position p in bit p mod 32 of word p / 32, an even number of words per frame so
/// that two are a word of kernels::BitMask. Lasts as long as the scratch it was taken from.
struct RedundancyMap {
  std::int64_t frames = 0;
  std::int64_t positions = 0;
  std::int64_t words = 0;              ///< per frame
  std::uint32_t* redundant = nullptr;  ///< [F−1,words] cosine > τ
  std::uint32_t* finite = nullptr;     ///< [F,words] no element is NaN or infinite
  float* similarity = nullptr;         ///< [F−1,S] cosine; NaN if a row is zero or not finite
  float* square = nullptr;             ///< [F,S] f32 Σ x² of each row
};

/// features [F,S,D] (f32, f16, bf16) on the resources' device, contiguous. Memory of the map is
/// scratch of the resources. Returns before the device is done: all later work in the stream sees
/// the map. Throws sluice::Error: kind input for features that don't fit, kind system from CUDA.
///
/// Each row is read from memory once, but for the first of each run of frames that a warp walks
/// along, which another warp has read as its last.
[[nodiscard]] RedundancyMap redundancy_map(StreamResources& resources, const TensorView& features,
                                           double tau);

/// For one new frame of a stream: compares `current` [S,D] with `previous`, which may lie anywhere
/// on the device. The map has two frames; the first one's flags are those of `previous`.
[[nodiscard]] RedundancyMap compare_frames(StreamResources& resources, const TensorView& previous,
                                           const TensorView& current, double tau);

/// A copy on the host, for tools and tests: engines need the masks only. Waits for the device.
void download(StreamResources& resources, const RedundancyMap& map,
              kernels::RedundancyMap& host_map);

}  // namespace sluice::kernels::cuda
