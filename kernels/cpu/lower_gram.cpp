#include "kernels/cpu/lower_gram.h"

#include <algorithm>

#include "kernels/cpu/row_kernels.h"

namespace sluice::kernels {
namespace {

/// Rows of the Gram matrix per task: whole tiles of 4 or 3, few enough to waste little beyond the
/// diagonal and to spread a triangle evenly over the threads.
constexpr std::int64_t rows_per_task = 12;

}  // namespace

void lower_gram(Resources& resources, const float* rows, std::int64_t n, std::int64_t width,
                std::vector<float>& gram) {
  gram.assign(static_cast<std::size_t>(n * n), 0.0F);
  const auto& kernels = resources.rows();
  const std::int64_t tasks = (n + rows_per_task - 1) / rows_per_task;
  resources.pool().parallel_for(tasks, [&](std::int64_t task, int) {
    // Long rows of the triangle first, so that no thread is left with one at the end.
    const std::int64_t begin = (tasks - 1 - task) * rows_per_task;
    const std::int64_t end = std::min(begin + rows_per_task, n);
    for (std::int64_t d = 0; d < width; d += cpu::gram_block)
      kernels.add_gram(rows, width, begin, end, 0, end, d, std::min(d + cpu::gram_block, width),
                       gram.data(), n);
  });
}

}  // namespace sluice::kernels
