#include "bench/cuda/device_floor.h"

#include <algorithm>
#include <limits>

#include "bench/cuda/device_timer.h"
#include "kernels/cuda/cuda_error.h"
#include "kernels/cuda/launch.h"

namespace sluice::bench {
namespace {

using kernels::cuda::check;
using kernels::cuda::StreamResources;

constexpr int chains = 8;  // independent of each other: more than the latency of one of them asks
constexpr int rounds = 4096;
constexpr int threads = 256;
constexpr int blocks_per_multiprocessor = 8;

template <typename T>
__global__ void multiply_and_add(T factor, T term, T* result) {
  T value[chains];
#pragma unroll
  for (int i = 0; i < chains; ++i) value[i] = static_cast<T>(threadIdx.x + i);
  for (int round = 0; round < rounds; ++round) {
#pragma unroll
    for (int i = 0; i < chains; ++i) value[i] = fma(value[i], factor, term);
  }
  T sum = 0;
#pragma unroll
  for (int i = 0; i < chains; ++i) sum += value[i];
  if (sum == static_cast<T>(-1)) *result = sum;  // never, but the compiler can't know
}

/// The fastest of `repeats`, after some to warm up.
template <typename Work>
double fastest_ms(StreamResources& resources, int repeats, Work&& work) {
  DeviceTimer timer(resources);
  double fastest = std::numeric_limits<double>::infinity();
  for (int i = -5; i < repeats; ++i) {
    timer.start();
    work();
    timer.stop();
    const double milliseconds = timer.milliseconds();
    if (i >= 0) fastest = std::min(fastest, milliseconds);
  }
  return fastest;
}

template <typename T>
double rate(StreamResources& resources) {
  const StreamResources::DeviceScratch scratch(resources);
  T* result = resources.device_array<T>(1);
  const kernels::cuda::LaunchShape shape{
      std::int64_t{blocks_per_multiprocessor} * resources.multiprocessors(), threads, 0};
  const double milliseconds = fastest_ms(resources, 20, [&] {
    kernels::cuda::launch(resources, "arithmetic rate", multiply_and_add<T>, shape,
                          static_cast<T>(0.999), static_cast<T>(1), result);
  });
  const double operations = 2.0 * chains * rounds * threads * static_cast<double>(shape.blocks);
  return operations / (milliseconds * 1e-3);
}

}  // namespace

DeviceFacts device_facts(int device) {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, device), "device facts");
  DeviceFacts facts;
  facts.name = properties.name;
  facts.major = properties.major;
  facts.minor = properties.minor;
  facts.multiprocessors = properties.multiProcessorCount;
  facts.memory_bytes = properties.totalGlobalMem;
  facts.l2_bytes = static_cast<std::size_t>(properties.l2CacheSize);
  check(cudaDriverGetVersion(&facts.driver), "device facts");
  check(cudaRuntimeGetVersion(&facts.runtime), "device facts");
  return facts;
}

double copy_bytes_per_second(StreamResources& resources) {
  constexpr std::size_t bytes = std::size_t{1} << 30;
  kernels::cuda::DeviceMemory from(resources.device()), to(resources.device());
  from.reserve(bytes);
  to.reserve(bytes);
  check(cudaMemsetAsync(from.as<void>(), 1, bytes, resources.stream()), "copy rate");
  const double milliseconds = fastest_ms(resources, 30, [&] {
    check(cudaMemcpyAsync(to.as<void>(), from.as<void>(), bytes, cudaMemcpyDeviceToDevice,
                          resources.stream()),
          "copy rate");
  });
  return 2.0 * static_cast<double>(bytes) / (milliseconds * 1e-3);
}

ArithmeticRates arithmetic_rates(StreamResources& resources) {
  return {rate<float>(resources), rate<double>(resources)};
}

CacheFlush::CacheFlush(StreamResources& resources)
    : resources_(resources), memory_(resources.device()) {
  memory_.reserve(std::max<std::size_t>(4 * device_facts(resources.device()).l2_bytes, 1 << 20));
}

void CacheFlush::run() {
  check(cudaMemsetAsync(memory_.as<void>(), 0, memory_.capacity(), resources_.stream()), "flush");
  resources_.wait("flush");
}

}  // namespace sluice::bench
