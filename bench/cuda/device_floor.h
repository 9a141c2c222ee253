// What a GPU can do at most, measured: the floors that every figure stands beside.
#pragma once

#include <cstddef>
#include <string>

#include "kernels/cuda/device_memory.h"
#include "kernels/cuda/stream_resources.h"

namespace sluice::bench {

struct DeviceFacts {
  std::string name;
  int major = 0, minor = 0;  ///< compute capability
  int multiprocessors = 0;
  std::size_t memory_bytes = 0;
  std::size_t l2_bytes = 0;
  int driver = 0, runtime = 0;  ///< as CUDA writes versions: 13000 is 13.0
};
[[nodiscard]] DeviceFacts device_facts(int device);

/// Bytes read and bytes written per second by CUDA's own copy of 1 GiB within the device's memory;
/// the fastest of many.
[[nodiscard]] double copy_bytes_per_second(kernels::cuda::StreamResources& resources);

/// Additions and multiplications per second by fused multiply-adds in registers; the fastest of
/// many. Matrix units do more.
struct ArithmeticRates {
  double f32 = 0, f64 = 0;
};
[[nodiscard]] ArithmeticRates arithmetic_rates(kernels::cuda::StreamResources& resources);

/// Drives the inputs out of the level 2 cache between two measured calls: an engine's features come
/// from an encoder that has written much else.
class CacheFlush {
 public:
  explicit CacheFlush(kernels::cuda::StreamResources& resources);
  /// Returns when it is done.
  void run();

 private:
  kernels::cuda::StreamResources& resources_;
  kernels::cuda::DeviceMemory memory_;
};

}  // namespace sluice::bench
