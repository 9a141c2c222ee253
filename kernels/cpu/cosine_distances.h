// Cosine distances between rows: close to them cheaply, exact values on demand.
#pragma once

#include <cstdint>

#include "kernels/cpu/row_kernels.h"
#include "kernels/max_min.h"
#include "kernels/resources.h"

namespace sluice::kernels {

/// 1 − cos between the first n rows of a workspace. f32 distances are off by less than the slack;
/// `exact` is made of f64 sums in fixed order and decides close calls. Internal to kernels/.
class CosineDistances {
 public:
  struct Bounds {
    double low, high;
  };

  /// Fills the workspace's distances from its rows. The workspace must outlive the object.
  CosineDistances(Resources& resources, std::int64_t n, std::int64_t width,
                  MaxMinWorkspace& workspace);

  [[nodiscard]] std::int64_t size() const noexcept { return n_; }
  /// Of row i to all rows; to itself it is infinite.
  [[nodiscard]] const float* row(std::int64_t i) const noexcept {
    return workspace_.distance.data() + i * n_;
  }
  /// Infinite where f32 can't hold the rows' products: then everything is a close call.
  [[nodiscard]] float slack() const noexcept { return slack_; }
  [[nodiscard]] Bounds bounds(std::int64_t i, std::int64_t j) const noexcept {
    const auto distance = static_cast<double>(row(i)[j]);
    const auto slack = static_cast<double>(slack_);
    return {distance - slack, distance + slack};
  }
  [[nodiscard]] double exact(std::int64_t i, std::int64_t j) const noexcept;

 private:
  [[nodiscard]] bool find_lengths(Resources& resources);
  void find_distances() noexcept;
  [[nodiscard]] double square(std::int64_t i) const noexcept;

  const cpu::RowKernels* kernels_;
  MaxMinWorkspace& workspace_;
  std::int64_t n_;
  std::int64_t width_;
  float slack_ = 0;
};

}  // namespace sluice::kernels
