#include "kernels/cpu/pairwise_distances.h"

#include <limits>

#include "kernels/cpu/lower_gram.h"

namespace sluice::kernels {

PairwiseDistances::PairwiseDistances(Resources& resources, const float* rows, std::int64_t n,
                                     std::int64_t width, PairwiseWorkspace& workspace)
    : kernels_(&resources.rows()), rows_(rows), n_(n), width_(width) {
  lower_gram(resources, rows, n, width, workspace.gram);
  gram_ = workspace.gram.data();
  workspace.exact.assign(static_cast<std::size_t>(n * n), -1.0);
  exact_ = &workspace.exact;

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
