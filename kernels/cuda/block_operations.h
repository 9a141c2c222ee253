// Small things that the threads of a warp or block find out together. Included by .cu files only.
#pragma once

#include <cstdint>

#include "kernels/cuda/launch.h"

namespace sluice::kernels::cuda {

/// A value and where it comes from; −1: from nowhere.
struct Indexed {
  double value;
  std::int32_t index;
};

struct Smaller {
  /// Ties go to the lower index, and anything is better than nothing.
  __device__ bool operator()(const Indexed& a, const Indexed& b) const {
    if (a.index < 0 || b.index < 0) return b.index < 0 && a.index >= 0;
    return a.value < b.value || (a.value == b.value && a.index < b.index);
  }
};
struct Larger {
  __device__ bool operator()(const Indexed& a, const Indexed& b) const {
    if (a.index < 0 || b.index < 0) return b.index < 0 && a.index >= 0;
    return a.value > b.value || (a.value == b.value && a.index < b.index);
  }
};

/// The best of all lanes' candidates, in every lane.
template <typename Better>
__device__ __forceinline__ Indexed best_of_lanes(Indexed mine, Better better) {
#pragma unroll
  for (int half = warp_size / 2; half > 0; half /= 2) {
    const Indexed other{__shfl_xor_sync(all_lanes, mine.value, half),
                        __shfl_xor_sync(all_lanes, mine.index, half)};
    if (better(other, mine)) mine = other;
  }
  return mine;
}

inline constexpr int most_warps_per_block = 32;

/// How many threads before this one have `chosen`, and how many in the whole block. All threads of
/// the block call it together; counts: shared, one per warp.
struct Place {
  int before, in_block;
};
__device__ __forceinline__ Place place_among_chosen(bool chosen, int* counts) {
  const unsigned lanes = __ballot_sync(all_lanes, chosen);
  if (lane_of_warp() == 0) counts[warp_of_block()] = __popc(lanes);
  __syncthreads();
  const int warps = static_cast<int>(blockDim.x) / warp_size;
  Place place{__popc(lanes & ((1U << lane_of_warp()) - 1U)), 0};
  for (int warp = 0; warp < warps; ++warp) {
    if (warp < warp_of_block()) place.before += counts[warp];
    place.in_block += counts[warp];
  }
  __syncthreads();  // before counts are used again
  return place;
}

/// The last of `count` ascending groups whose `first` is at most `index`.
template <typename Group>
__device__ __forceinline__ const Group& group_of(const Group* groups, std::int32_t count,
                                                 std::int64_t Group::*first, std::int64_t index) {
  std::int32_t low = 0, high = count;  // in [low, high)
  while (high - low > 1) {
    const std::int32_t middle = low + (high - low) / 2;
    if (groups[middle].*first <= index)
      low = middle;
    else
      high = middle;
  }
  return groups[low];
}

}  // namespace sluice::kernels::cuda
