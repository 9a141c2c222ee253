// Rows of a position, frame after frame, on their way through a warp's shared memory. Included by
// .cu files only.
#pragma once

#include <cuda_pipeline_primitives.h>

#include <cstddef>
#include <cstdint>

#include "kernels/cuda/launch.h"

namespace sluice::kernels::cuda {

/// Three rows: the one before, the current one, and the one that is being fetched meanwhile.
inline constexpr int ring_rows = 3;

/// How rows get there.
enum class RowPath : std::uint8_t {
  copy_16,  ///< asynchronous copies of 16 bytes: all rows begin at multiples of 16 bytes
  copy_4,   ///< of 4 bytes
  direct,   ///< not at all: odd addresses, or rows too long for shared memory
};

/// Bytes of a ring's row: rows begin at multiples of 16 bytes.
[[nodiscard]] constexpr std::size_t ring_row_bytes(std::size_t row_bytes) {
  return (row_bytes + 15) / 16 * 16;
}

/// The rows first, first + stride, … of one position. All 32 lanes call everything together.
template <typename T, RowPath path>
class RowRing {
 public:
  /// memory: ring_rows · ring_row_bytes of shared memory, this warp's alone.
  __device__ RowRing(std::byte* memory, const T* first, std::int64_t stride, int width)
      : memory_(memory),
        next_(first),
        oldest_(first),
        stride_(stride),
        row_bytes_(static_cast<std::size_t>(width) * sizeof(T)) {}

  /// Starts to fetch the next row, or nothing past the last one.
  __device__ void fetch(bool exists) {
    if constexpr (path != RowPath::direct) {
      constexpr std::size_t piece = path == RowPath::copy_16 ? 16 : 4;
      __syncwarp();  // the slot's row may still be looked at by other lanes
      if (exists) {
        std::byte* target = slot(fetched_);
        const auto* source = reinterpret_cast<const std::byte*>(next_);
        for (std::size_t at = static_cast<std::size_t>(lane_of_warp()) * piece; at < row_bytes_;
             at += warp_size * piece)
          __pipeline_memcpy_async(target + at, source + at, piece);
      }
      __pipeline_commit();  // also for nothing: wait() counts
      fetched_ = fetched_ + 1 == ring_rows ? 0 : fetched_ + 1;
    }
    if (exists) next_ += stride_;
  }

  /// The oldest row that was fetched and not taken, once it is there. One more may be on its way.
  __device__ const T* take() {
    if constexpr (path == RowPath::direct) {
      const T* row = oldest_;
      oldest_ += stride_;
      return row;
    } else {
      __pipeline_wait_prior(1);
      __syncwarp();  // the other lanes' pieces, too
      const T* row = reinterpret_cast<const T*>(slot(taken_));
      taken_ = taken_ + 1 == ring_rows ? 0 : taken_ + 1;
      return row;
    }
  }

 private:
  __device__ std::byte* slot(int index) const {
    return memory_ + static_cast<std::size_t>(index) * ring_row_bytes(row_bytes_);
  }

  std::byte* memory_;
  const T* next_;    // to be fetched
  const T* oldest_;  // to be taken, where rows are not fetched
  std::int64_t stride_;
  std::size_t row_bytes_;
  int fetched_ = 0;  // slot of the next row to be fetched, and to be taken
  int taken_ = 0;
};

}  // namespace sluice::kernels::cuda
