// The one way in which kernels are started, and the one way to shared memory. Included by .cu files
// only. Everything else that device code uses has CUDA's own name, so that the same sources also
// run on the CPU under tests/support/cuda_emulation.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "kernels/cuda/cuda_error.h"
#include "kernels/cuda/stream_resources.h"

namespace sluice::kernels::cuda {

inline constexpr int warp_size = 32;
inline constexpr unsigned all_lanes = 0xffffffffU;

struct LaunchShape {
  std::int64_t blocks = 1;
  int threads = 256;
  std::size_t shared_bytes = 0;
};

/// Blocks of `per_block` that it takes for `count`.
[[nodiscard]] constexpr std::int64_t blocks_for(std::int64_t count, std::int64_t per_block) {
  return (count + per_block - 1) / per_block;
}

/// Starts a kernel in the resources' stream; nothing at all for 0 blocks. Throws sluice::Error
/// (kind system), naming `where`, if CUDA refuses.
template <typename... Parameters, typename... Arguments>
void launch(StreamResources& resources, std::string_view where, void (*kernel)(Parameters...),
            const LaunchShape& shape, Arguments&&... arguments) {
  if (shape.blocks == 0) return;
  if (shape.blocks > 0x7fffffff)
    throw input_error(where, concat(shape.blocks, " blocks"), "fewer than 2^31");
  int current = 0;
  check(cudaGetDevice(&current), where);
  std::optional<DeviceScope> scope;
  if (current != resources.device()) scope.emplace(resources.device());
  constexpr std::size_t granted_without_asking = 48 << 10;
  if (shape.shared_bytes > granted_without_asking)
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(shape.shared_bytes)),
          where);
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(shape.blocks));
  config.blockDim = dim3(static_cast<unsigned>(shape.threads));
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = resources.stream();
  check(cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...), where);
}

/// The block's shared memory: as many bytes as its launch asked for, aligned to 16.
template <typename T>
__device__ __forceinline__ T* dynamic_shared() {
#if defined(SLUICE_CUDA_EMULATION)
  return static_cast<T*>(cuda_emulation::dynamic_shared_memory());
#else
  extern __shared__ uint4 dynamic_shared_memory[];
  return reinterpret_cast<T*>(dynamic_shared_memory);
#endif
}

/// Threads of a kernel that works warp by warp: which of all warps this one is, and the lane in it.
__device__ __forceinline__ std::int64_t warp_of_grid() {
  return std::int64_t{blockIdx.x} * (blockDim.x / warp_size) + threadIdx.x / warp_size;
}
__device__ __forceinline__ int warp_of_block() {
  return static_cast<int>(threadIdx.x / warp_size);
}
__device__ __forceinline__ int lane_of_warp() {
  return static_cast<int>(threadIdx.x % warp_size);
}

}  // namespace sluice::kernels::cuda
