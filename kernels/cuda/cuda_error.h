// CUDA's status codes as the library's exceptions. Internal to kernels/cuda: it needs CUDA's
// header.
#pragma once

#include <cuda_runtime_api.h>

#include <string_view>

#include "kernels/error.h"

namespace sluice::kernels::cuda {

/// Throws sluice::Error (kind system) unless all is well.
inline void check(cudaError_t status, std::string_view where) {
  if (status == cudaSuccess) return;
  (void)cudaGetLastError();  // what was reported once shall not come up again in the next call
  throw system_error(where, concat(cudaGetErrorName(status), ": ", cudaGetErrorString(status)));
}

}  // namespace sluice::kernels::cuda
