#include "kernels/cpu/cosine_distances.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/cpu/lower_gram.h"

namespace sluice::kernels {
namespace {

/// Sums of squares from here on could overflow an f32 product.
constexpr double largest_square = 1e36;

}  // namespace

CosineDistances::CosineDistances(Resources& resources, std::int64_t n, std::int64_t width,
                                 MaxMinWorkspace& workspace)
    : kernels_(&resources.rows()), workspace_(workspace), n_(n), width_(width) {
  const float* rows = workspace.rows.data();
  lower_gram(resources, rows, n, width, workspace.gram);
  workspace.exact.assign(static_cast<std::size_t>(n * n), std::numeric_limits<double>::quiet_NaN());
  workspace.square.resize(static_cast<std::size_t>(n));
  resources.pool().parallel_for(n, [&](std::int64_t i, int) {
    const float* row = rows + i * width;
    workspace.square[static_cast<std::size_t>(i)] = kernels_->dot_f64(row, row, DType::f32, width);
  });
  // |g − exact| ≤ error·Σ|a||b| ≤ error·norm·norm, and a little for dividing by the norms; f32
  // products below its range are lost altogether.
  relative_error_ = 1.01 * cpu::gram_error(width);
  absolute_error_ = static_cast<double>(width) * 4 *
                    static_cast<double>(std::numeric_limits<float>::denorm_min());
}

double CosineDistances::norms(std::int64_t i, std::int64_t j) const noexcept {
  // One root of the product rather than a product of roots: equal rows then have a cosine of
  // exactly 1.
  return std::sqrt(workspace_.square[static_cast<std::size_t>(i)] *
                   workspace_.square[static_cast<std::size_t>(j)]);
}

CosineDistances::Bounds CosineDistances::bounds(std::int64_t i, std::int64_t j) const noexcept {
  const double scale = norms(i, j);
  if (scale == 0) return {1, 1};
  if (workspace_.square[static_cast<std::size_t>(i)] > largest_square ||
      workspace_.square[static_cast<std::size_t>(j)] > largest_square)
    return {-std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
  const double middle = 1 - static_cast<double>(workspace_.gram[pair(i, j)]) / scale;
  const double slack = relative_error_ + absolute_error_ / scale;
  return {middle - slack, middle + slack};
}

double CosineDistances::exact(std::int64_t i, std::int64_t j) const noexcept {
  double& known = workspace_.exact[pair(i, j)];
  if (std::isnan(known)) {
    const float* rows = workspace_.rows.data();
    const double scale = norms(i, j);
    const auto [low, high] = std::minmax(i, j);  // a pair has one value, whoever asks
    const double dot =
        kernels_->dot_f64(rows + high * width_, rows + low * width_, DType::f32, width_);
    known = scale == 0 ? 1.0 : 1 - dot / scale;
  }
  return known;
}

}  // namespace sluice::kernels
