// HoliTom's outer stage on one clip in host memory, on whichever backend computes.
#pragma once

#include "kernels/backend.h"
#include "kernels/resources.h"
#include "kernels/tensor.h"
#include "temporal/parameters.h"
#include "temporal/reduce.h"

namespace sluice::temporal {

/// What a clip became, and where it was computed.
struct BackendReduction {
  Reduction reduction;
  kernels::BackendChoice used;  ///< with the reason why it is not CUDA although it could have been
};

/// reduce() on the CPU, or on a CUDA device by way of a copy to it and back: the same tokens, and
/// features bit for bit; but Reduction::redundancy stays empty on CUDA. With `automatic`, the CPU
/// takes over where CUDA can't be used, and where it fails on the way, for want of memory, say.
/// Throws sluice::Error: as reduce() does, and of kind system if CUDA was asked for and fails.
[[nodiscard]] BackendReduction reduce_on_backend(kernels::BackendRequest request,
                                                 kernels::Resources& resources,
                                                 const kernels::TensorView& features,
                                                 const kernels::TensorView& attention,
                                                 const HolitomParameters& parameters,
                                                 int device = 0);

}  // namespace sluice::temporal
