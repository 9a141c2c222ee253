// A CUDA runtime that runs kernels on the CPU, so that the project's .cu files are executed and
// checked where there is no GPU. What it can't show is listed in docs/cuda.md.
//
// A block's threads are fibers, so barriers and warp collectives really meet; three blocks at a
// time take turns from barrier to barrier. Work in streams waits until something synchronises, as
// late as CUDA allows, so a missing synchronisation shows as wrong results. Device memory can't be
// touched by host code: it is mapped without access outside of kernels and copies.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "tests/support/cuda_emulation/cuda_runtime_api.h"

namespace sluice::cuda_emulation {

struct Settings {
  int devices = 1;
  int driver_version = 13000;  ///< 0: no driver
  std::size_t memory_bytes = std::size_t{1} << 30;
  /// 0: blocks, and the threads of a block, run in ascending order. Others: in an order drawn from
  /// it, which also decides what fresh memory holds. A race changes its result with the seed.
  std::uint64_t seed = 0;
  int compute_capability = 90;
  int multiprocessors = 2;
  int shared_bytes_per_block = 99 << 10;
};

/// From now on, until the next call. Memory and streams that exist stay.
void configure(const Settings& settings);
[[nodiscard]] const Settings& settings();

/// The call after the next `calls` calls of the runtime fails so, once.
void fail_after(int calls, cudaError_t error);
/// Every call fails so until configure(): a device that fell off the bus.
void lose_device();

/// True for an address inside a live device allocation.
[[nodiscard]] bool is_device_memory(const void* address, std::size_t bytes = 1);
[[nodiscard]] std::size_t allocated_bytes();
/// Of cudaMalloc and cudaMallocHost so far.
[[nodiscard]] std::int64_t allocations();
[[nodiscard]] std::int64_t launches();
[[nodiscard]] std::int64_t synchronisations();
/// Bytes copied between host and device so far.
[[nodiscard]] std::int64_t copied_bytes();
/// What was wrong with the last kernel that failed: also part of cudaGetErrorString().
[[nodiscard]] const std::string& last_report();

}  // namespace sluice::cuda_emulation
