// Writes a row of sums that may have overflowed. Included by .cu files only.
#pragma once

#include "kernels/cuda/row_sums.h"

namespace sluice::kernels::cuda {

/// A block writes the row value(0) … value(width − 1). If the f32 square of the row is not finite,
/// summed as kernels/row_operations.cpp does it, then careful(d) instead: shares of huge values
/// don't overflow where their sum does. value and careful may be called more than once for a
/// column. All threads of the block call it together.
template <typename T, typename Value, typename Careful>
__device__ __forceinline__ void write_row(T* row, int width, const Value& value,
                                          const Careful& careful) {
  bool is_large = false;
  for (int d = static_cast<int>(threadIdx.x); d < width; d += static_cast<int>(blockDim.x)) {
    const float v = value(d);
    narrow(v, row[d]);
    // The square of fewer than 2^28 such values is finite whatever the order. NaN is large, too.
    is_large |= !(fabsf(v) < 1e15F);
  }
  if (__syncthreads_or(is_large) == 0) return;
  bool overflows = false;
  if (warp_of_block() == 0) {
    float sum = 0;
    for (int d = lane_of_warp(); d < width; d += warp_size) {
      const float v = value(d);
      sum += v * v;
    }
    overflows = !isfinite(sum_of_lanes(sum));
  }
  if (__syncthreads_or(overflows) == 0) return;
  for (int d = static_cast<int>(threadIdx.x); d < width; d += static_cast<int>(blockDim.x))
    narrow(careful(d), row[d]);
}

}  // namespace sluice::kernels::cuda
