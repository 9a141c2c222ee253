// kernels/top_k.h on a CUDA device, for many lists at once. Built where a CUDA compiler was found.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/cuda/stream_resources.h"

namespace sluice::kernels::cuda {

/// A list of scores among others; on the host.
struct TopKList {
  std::int64_t first_score = 0;   ///< where it begins among all scores
  std::int64_t count = 0;         ///< of its scores
  std::int64_t k = 0;             ///< at most as many as are eligible
  std::int64_t first_word = 0;    ///< of its mask, where there are masks
  std::int64_t first_output = 0;  ///< of its k indices
};

/// indices[first_output …]: for each list the k largest eligible scores, ascending, counted from
/// the list's first. As on the CPU, ties go to the lowest index, and NaN ranks below everything
/// else. A score's rank is how many are better: all are counted at once, O(count²) in all, and no
/// order of threads matters.
///
/// scores, indices: on the device. eligible: null, or masks on the device with position p in bit
/// p mod 32 of word p / 32. chosen_scores: null, or room for the scores that belong to the indices.
/// Takes pinned scratch: wait() before it ends. Throws sluice::Error (kind
/// system) where CUDA fails.
void top_k(StreamResources& resources, const float* scores, const std::uint32_t* eligible,
           std::span<const TopKList> lists, std::int32_t* indices, float* chosen_scores = nullptr);
void top_k(StreamResources& resources, const double* scores, const std::uint32_t* eligible,
           std::span<const TopKList> lists, std::int32_t* indices, double* chosen_scores = nullptr);

}  // namespace sluice::kernels::cuda
