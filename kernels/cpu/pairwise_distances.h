// Squared distances between rows: bounds that are cheap, exact values on demand.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/cpu/row_kernels.h"
#include "kernels/density_peaks.h"
#include "kernels/resources.h"

namespace sluice::kernels {

/// ‖row_i − row_j‖² for rows [n,D] f32, known within bounds from an f32 Gram matrix. `exact` is the
/// f64 sum in fixed order that decides close calls. Internal to kernels/.
class PairwiseDistances {
 public:
  /// Computes the Gram matrix. The workspace must outlive the object.
  PairwiseDistances(Resources& resources, const float* rows, std::int64_t n, std::int64_t width,
                    PairwiseWorkspace& workspace);

  [[nodiscard]] std::int64_t size() const noexcept { return n_; }

  struct Bounds {
    double low, high;
  };
  [[nodiscard]] Bounds bounds(std::int64_t i, std::int64_t j) const noexcept {
    if (i == j) return {0, 0};
    if (overflows_) return {0, std::numeric_limits<double>::infinity()};
    const double norms = norm(i) + norm(j);
    const double middle = norms - 2.0 * static_cast<double>(at(std::max(i, j), std::min(i, j)));
    const double slack = relative_error_ * norms + absolute_error_;
    return {std::max(0.0, middle - slack), middle + slack};
  }
  /// Computed at most once or, by threads that ask at the same time, to the same value.
  [[nodiscard]] double exact(std::int64_t i, std::int64_t j) const noexcept {
    if (i == j) return 0;
    const auto pair = static_cast<std::size_t>(std::max(i, j) * n_ + std::min(i, j));
    const std::atomic_ref<double> known((*exact_)[pair]);
    double distance = known.load(std::memory_order_relaxed);
    if (distance < 0) {
      distance = kernels_->squared_distance_f64(rows_ + i * width_, rows_ + j * width_, width_);
      known.store(distance, std::memory_order_relaxed);
    }
    return distance;
  }

 private:
  [[nodiscard]] float at(std::int64_t i, std::int64_t j) const noexcept {
    return gram_[static_cast<std::size_t>(i * n_ + j)];
  }
  [[nodiscard]] double norm(std::int64_t i) const noexcept { return static_cast<double>(at(i, i)); }

  const cpu::RowKernels* kernels_;
  const float* rows_;
  std::int64_t n_;
  std::int64_t width_;
  const float* gram_;           // [n,n], lower triangle and diagonal
  std::vector<double>* exact_;  // [n,n], lower triangle; negative where not asked for yet
  double relative_error_ = 0;
  double absolute_error_ = 0;
  bool overflows_ = false;  // f32 can't hold the products: every pair is a close call
};

}  // namespace sluice::kernels
