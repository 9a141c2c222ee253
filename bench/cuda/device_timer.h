// The time between two points of a stream, by the device's own clock.
#pragma once

#include <cuda_runtime_api.h>

#include "kernels/cuda/cuda_error.h"
#include "kernels/cuda/stream_resources.h"

namespace sluice::bench {

class DeviceTimer {
 public:
  explicit DeviceTimer(kernels::cuda::StreamResources& resources) : resources_(resources) {
    kernels::cuda::check(cudaEventCreate(&begin_), "device timer");
    kernels::cuda::check(cudaEventCreate(&end_), "device timer");
  }
  DeviceTimer(const DeviceTimer&) = delete;
  DeviceTimer& operator=(const DeviceTimer&) = delete;
  ~DeviceTimer() {
    (void)cudaEventDestroy(begin_);
    (void)cudaEventDestroy(end_);
  }

  void start() { kernels::cuda::check(cudaEventRecord(begin_, resources_.stream()), "timer"); }
  void stop() { kernels::cuda::check(cudaEventRecord(end_, resources_.stream()), "timer"); }
  /// Between start() and stop(), which it waits for.
  [[nodiscard]] double milliseconds() const {
    float result = 0;
    kernels::cuda::check(cudaEventSynchronize(end_), "timer");
    kernels::cuda::check(cudaEventElapsedTime(&result, begin_, end_), "timer");
    return static_cast<double>(result);
  }

 private:
  kernels::cuda::StreamResources& resources_;
  cudaEvent_t begin_ = nullptr, end_ = nullptr;
};

}  // namespace sluice::bench
