// Stands in for CUDA's header of this name: what device code uses, and how it is launched.
#pragma once

#include <math.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <source_location>
#include <type_traits>
#include <utility>

#include "tests/support/cuda_emulation/cuda_runtime_api.h"

// NOLINTBEGIN: the names are CUDA's
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)

struct uint3 {
  unsigned x = 0, y = 0, z = 0;
};
struct dim3 {
  unsigned x = 1, y = 1, z = 1;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
struct alignas(16) uint4 {
  unsigned x = 0, y = 0, z = 0, w = 0;
};

/// Of the fiber that runs; the scheduler sets them.
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
inline constexpr int warpSize = 32;

namespace sluice::cuda_emulation {

enum class Operation : std::uint8_t {
  barrier,
  barrier_or,
  sync_warp,
  ballot,
  shuffle,
  shuffle_xor,
  shuffle_up,
  shuffle_down
};

/// Waits for the threads that must take part, and returns this one's result.
std::uint64_t meet(Operation operation, unsigned mask, std::uint64_t value, int operand,
                   const std::source_location& where);
/// Of the block that runs: as many bytes as its launch asked for.
void* dynamic_shared_memory();

template <typename T>
T exchange(Operation operation, unsigned mask, T value, int operand,
           const std::source_location& where) {
  static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>);
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = meet(operation, mask, bits, operand, where);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

cudaError_t launch(const dim3& grid, const dim3& block, std::size_t shared_bytes,
                   const void* kernel, std::function<void()> thread);
/// Null, device memory, or pinned host memory.
[[nodiscard]] bool may_be_argument(const void* pointer);

}  // namespace sluice::cuda_emulation

inline void __syncthreads(std::source_location where = std::source_location::current()) {
  using namespace sluice::cuda_emulation;
  meet(Operation::barrier, ~0U, 0, 0, where);
}
inline int __syncthreads_or(int predicate,
                            std::source_location where = std::source_location::current()) {
  using namespace sluice::cuda_emulation;
  return static_cast<int>(meet(Operation::barrier_or, ~0U, predicate != 0, 0, where));
}
inline void __syncwarp(unsigned mask = ~0U,
                       std::source_location where = std::source_location::current()) {
  using namespace sluice::cuda_emulation;
  meet(Operation::sync_warp, mask, 0, 0, where);
}
inline unsigned __ballot_sync(unsigned mask, int predicate,
                              std::source_location where = std::source_location::current()) {
  using namespace sluice::cuda_emulation;
  return static_cast<unsigned>(meet(Operation::ballot, mask, predicate != 0, 0, where));
}
template <typename T>
T __shfl_sync(unsigned mask, T value, int lane,
              std::source_location where = std::source_location::current()) {
  using namespace sluice::cuda_emulation;
  return exchange(Operation::shuffle, mask, value, lane, where);
}
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int lanes,
                  std::source_location where = std::source_location::current()) {
  using namespace sluice::cuda_emulation;
  return exchange(Operation::shuffle_xor, mask, value, lanes, where);
}

inline int __popc(unsigned bits) {
  return std::popcount(bits);
}

struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  std::size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
  void* attrs = nullptr;
  unsigned numAttrs = 0;
};

template <typename... Parameters>
cudaError_t cudaFuncSetAttribute(void (*kernel)(Parameters...), cudaFuncAttribute, int) {
  return kernel == nullptr ? cudaErrorInvalidValue : cudaSuccess;
}

template <typename... Parameters, typename... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  using namespace sluice::cuda_emulation;
  [[maybe_unused]] const auto usable = [](const auto& argument) {
    if constexpr (std::is_pointer_v<std::remove_cvref_t<decltype(argument)>>)
      return may_be_argument(argument);
    else
      return true;
  };
  if (!(usable(arguments) && ...)) return cudaErrorIllegalAddress;
  return launch(
      config->gridDim, config->blockDim, config->dynamicSmemBytes,
      reinterpret_cast<const void*>(kernel),
      [kernel, ... parameters = static_cast<Parameters>(arguments)] { kernel(parameters...); });
}
// NOLINTEND
