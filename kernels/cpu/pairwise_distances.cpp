#include "kernels/cpu/pairwise_distances.h"

#include <limits>

namespace sluice::kernels {
namespace {

/// Rows of the Gram matrix per task; small enough to spread a triangle evenly over the threads.
constexpr std::int64_t rows_per_task = 24;

}  // namespace

PairwiseDistances::PairwiseDistances(Resources& resources, const float* rows, std::int64_t n,
                                     std::int64_t width, PairwiseWorkspace& workspace)
    : kernels_(&resources.rows()), rows_(rows), n_(n), width_(width) {
  std::vector<float>& gram = workspace.gram;
  gram.assign(static_cast<std::size_t>(n * n), 0.0f);
  gram_ = gram.data();
  workspace.exact.assign(static_cast<std::size_t>(n * n), -1.0);
  exact_ = &workspace.exact;
  const std::int64_t tasks = (n + rows_per_task - 1) / rows_per_task;
  resources.pool().parallel_for(tasks, [&](std::int64_t task, int) {
    // Long rows of the triangle first, so that no thread is left with one at the end.
    const std::int64_t begin = (tasks - 1 - task) * rows_per_task;
    const std::int64_t end = std::min(begin + rows_per_task, n);
    for (std::int64_t d = 0; d < width; d += cpu::gram_block)
      kernels_->add_gram(rows, width, begin, end, 0, end, d, std::min(d + cpu::gram_block, width),
                         gram.data(), n);
  });

  // |g_ij| errs by at most error·|row_i||row_j| ≤ error·(norm_i + norm_j)/2, each norm by
  // error·norm: together 2·error·(norm_i + norm_j). The norms themselves are known to within the
  // same error, hence a little more; f32 products below its range are lost altogether.
  relative_error_ = 2.1 * cpu::gram_error(width);
  absolute_error_ = static_cast<double>(width) * 4 *
                    static_cast<double>(std::numeric_limits<float>::denorm_min());
  float largest = 0;
  for (std::int64_t i = 0; i < n; ++i) largest = std::max(largest, at(i, i));
  overflows_ = !(largest < 1e37f);
}

}  // namespace sluice::kernels
