// Cosine distances between rows: bounds that are cheap, exact values on demand.
#pragma once

#include <cstdint>

#include "kernels/cpu/row_kernels.h"
#include "kernels/max_min.h"
#include "kernels/resources.h"

namespace sluice::kernels {

/// 1 − cos between the first n rows of a workspace, known within bounds from an f32 Gram matrix.
/// `exact` is made of f64 sums in fixed order and decides close calls. Internal to kernels/.
class CosineDistances {
 public:
  struct Bounds {
    double low, high;
  };

  /// Fills the workspace's Gram matrix and norms from its rows. The workspace must outlive the
  /// object.
  CosineDistances(Resources& resources, std::int64_t n, std::int64_t width,
                  MaxMinWorkspace& workspace);

  [[nodiscard]] std::int64_t size() const noexcept { return n_; }
  [[nodiscard]] Bounds bounds(std::int64_t i, std::int64_t j) const noexcept;
  [[nodiscard]] double exact(std::int64_t i, std::int64_t j) const noexcept;

 private:
  [[nodiscard]] double norms(std::int64_t i, std::int64_t j) const noexcept;
  [[nodiscard]] std::size_t pair(std::int64_t i, std::int64_t j) const noexcept {
    return static_cast<std::size_t>(i > j ? i * n_ + j : j * n_ + i);
  }

  const cpu::RowKernels* kernels_;
  MaxMinWorkspace& workspace_;
  std::int64_t n_;
  std::int64_t width_;
  double relative_error_ = 0;
  double absolute_error_ = 0;
};

}  // namespace sluice::kernels
