#include "bench/floor.h"

#include <dnnl.h>
#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "kernels/error.h"

namespace sluice::bench {
namespace {

typedef float Lanes __attribute__((vector_size(64), aligned(4)));

/// Four sums at a time, so that the memory is what limits it. Built for each instruction set.
__attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4"))) float sum(
    const float* values, std::int64_t count) {
  Lanes sums[4] = {};
  std::int64_t i = 0;
  for (; i + 64 <= count; i += 64)
    for (int lane = 0; lane < 4; ++lane) {
      Lanes next;
      std::memcpy(&next, values + i + lane * 16, sizeof next);
      sums[lane] += next;
    }
  float total = 0;
  const Lanes all = sums[0] + sums[1] + sums[2] + sums[3];
  for (int lane = 0; lane < 16; ++lane) total += all[lane];
  for (; i < count; ++i) total += values[i];
  return total;
}

}  // namespace

float sum_everything(kernels::Resources& resources, const kernels::TensorView& values) {
  constexpr std::int64_t chunk = 1 << 18;  // elements: 1 MiB
  const auto elements = values.as<float>();
  const auto count = static_cast<std::int64_t>(elements.size());
  std::atomic<float> total{0};
  resources.pool().parallel_for((count + chunk - 1) / chunk, [&](std::int64_t index, int) {
    const std::int64_t begin = index * chunk;
    const float part = sum(elements.data() + begin, std::min(chunk, count - begin));
    total.fetch_add(part, std::memory_order_relaxed);
  });
  return total;
}

GramFloor::GramFloor(std::span<const std::int64_t> sizes, std::int64_t width)
    : sizes_(sizes.begin(), sizes.end()), width_(width) {
  const std::int64_t largest = sizes_.empty() ? 0 : *std::max_element(sizes_.begin(), sizes_.end());
  product_.assign(static_cast<std::size_t>(largest * largest), 0);
}

void GramFloor::run(const kernels::TensorView& features, int threads) {
  omp_set_num_threads(threads);
  const float* rows = features.as<float>().data();
  for (const std::int64_t n : sizes_) {
    const auto status = dnnl_sgemm('N', 'T', n, n, width_, 1.0F, rows, width_, rows, width_, 0.0F,
                                   product_.data(), n);
    if (status != dnnl_success) throw system_error("dnnl_sgemm", "failed");
  }
}

double GramFloor::operations() const noexcept {
  double total = 0;
  for (const std::int64_t n : sizes_)
    total += 2.0 * static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(width_);
  return total;
}

}  // namespace sluice::bench
