// kernels/max_min.h on a CUDA device, for several sources at once: the same rows are kept. Built
// where a CUDA compiler was found.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/cuda/stream_resources.h"
#include "kernels/tensor.h"

namespace sluice::kernels::cuda {

/// One source's choice; on the host, but for what the pointers name.
struct MaxMinProblem {
  TensorView features;                       ///< [N,D] of a feature type on the device, contiguous
  const std::int32_t* candidates = nullptr;  ///< [n] rows on the device; null: all N
  std::int64_t count = 0;                    ///< n; N where there are no candidates
  std::int64_t keep = 0;                     ///< clamped to [0, n]
};

/// kept: for each problem its `keep` indices into its candidates, ascending, one problem behind the
/// other; on the device. Distances, order and ties are those of kernels::max_min. The greedy choice
/// of all problems is one kernel, with a block for each. The candidates' rows must be finite, and
/// the candidates in range: that is not checked on the device. Needs Σn² f64 of scratch.
///
/// Takes pinned scratch: wait() before it ends. Throws sluice::Error: kind input for features that
/// don't fit, kind system where CUDA fails.
void max_min(StreamResources& resources, std::span<const MaxMinProblem> problems,
             std::int32_t* kept);

}  // namespace sluice::kernels::cuda
