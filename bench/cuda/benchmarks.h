// The GPU benchmarks, and what they have in common. Each appends its records.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "bench/cuda/device_floor.h"
#include "bench/cuda/device_timer.h"
#include "bench/cuda/record.h"
#include "bench/planted_video.h"
#include "kernels/cuda/stream_resources.h"
#include "kernels/resources.h"

namespace sluice::bench {

/// How long one measurement goes on: until there are so many repetitions, or the time is over.
struct Effort {
  std::int64_t repeats = 2000;
  double seconds = 3;
};

struct Context {
  kernels::Resources& host;
  kernels::cuda::StreamResources& device;
  CacheFlush& flush;
  Effort effort;
};

/// Times `call`, which returns when its results are there, by the host's clock; with the device
/// idle and its cache cold before each repetition.
template <typename Call>
void measure_wall(Context& context, Times& wall, Call&& call) {
  using Clock = std::chrono::steady_clock;
  constexpr int warm_up = 5;
  for (int i = 0; i < warm_up; ++i) call();
  const auto start = Clock::now();
  while (wall.count() < context.effort.repeats) {
    context.flush.run();
    const auto begin = Clock::now();
    call();
    const auto end = Clock::now();
    wall.add(std::chrono::duration<double, std::milli>(end - begin).count());
    if (std::chrono::duration<double>(end - start).count() > context.effort.seconds) break;
  }
}

/// The same for work that is only started, by the device's clock.
template <typename Start>
void measure_device(Context& context, Times& device, Start&& start_work) {
  DeviceTimer timer(context.device);
  const auto start = std::chrono::steady_clock::now();
  while (device.count() < context.effort.repeats) {
    context.flush.run();
    timer.start();
    start_work();
    timer.stop();
    device.add(timer.milliseconds());
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    if (spent.count() > context.effort.seconds) break;
  }
}

/// HoliTom's outer merge and its redundancy pass alone, of one planted video in f32, f16 and bf16.
void run_clip(Context& context, const VideoShape& shape, std::vector<Record>& records);
/// Max-min selection of a quarter of 256 × 4096 tokens of each of 1, 2 and 3 cameras.
void run_selection(Context& context, std::vector<Record>& records);
/// Voxel pooling of 20 × 576 × 1024.
void run_voxels(Context& context, std::vector<Record>& records);

}  // namespace sluice::bench
