// kernels/density_peaks.h on a CUDA device, for many sets of rows at once: the same centres,
// clusters and scores. Built where a CUDA compiler was found.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/cuda/stream_resources.h"
#include "kernels/tensor.h"

namespace sluice::kernels::cuda {

/// Rows that are clustered among themselves; on the host.
struct ClusterProblem {
  std::int64_t rows = 0;     ///< n ≥ 1
  std::int64_t centres = 0;  ///< 1 ≤ C ≤ n
};

/// Of all problems, one behind the other; on the device. Lasts as long as the scratch it was taken
/// from.
struct DensityPeaks {
  std::int32_t* centres = nullptr;  ///< [ΣC] row within its problem, ascending
  float* centre_score = nullptr;    ///< [ΣC]
  std::int32_t* cluster = nullptr;  ///< [Σn] index into its problem's centres
};

/// rows [Σn,D] f32 on the device, contiguous, all finite, the problems' rows one behind the other;
/// neighbours ≥ 1. Definitions and ties are those of kernels::density_peaks. All distances are f64
/// sums in the order that decides close calls there. Needs Σn² f64 of scratch; problems that
/// together need more than `most_entries` take turns.
///
/// Takes pinned scratch: wait() before it ends. Throws sluice::Error: kind input for counts and
/// tensors that don't fit, kind system where CUDA fails.
[[nodiscard]] DensityPeaks density_peaks(StreamResources& resources, const TensorView& rows,
                                         std::span<const ClusterProblem> problems,
                                         std::int64_t neighbours,
                                         std::int64_t most_entries = std::int64_t{1} << 25);

}  // namespace sluice::kernels::cuda
