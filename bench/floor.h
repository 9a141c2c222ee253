// What the hardware needs at least: one pass over the features, and their matrix products at peak.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/resources.h"
#include "kernels/tensor.h"

namespace sluice::bench {

/// Reads every byte of `values` once, on all threads of `resources`; the sum keeps the compiler
/// from leaving it out.
[[nodiscard]] float sum_everything(kernels::Resources& resources,
                                   const kernels::TensorView& values);

/// oneDNN's sgemm for the Gram matrices [n,n] of n rows of `width`, one after the other: the
/// product that density-peak clustering needs for each segment's static positions.
class GramFloor {
 public:
  GramFloor(std::span<const std::int64_t> sizes, std::int64_t width);

  /// On `threads` threads; the rows are the first of `features`, f32.
  void run(const kernels::TensorView& features, int threads);
  /// Multiplications and additions of one run.
  [[nodiscard]] double operations() const noexcept;

 private:
  std::vector<std::int64_t> sizes_;
  std::int64_t width_;
  std::vector<float> product_;
};

}  // namespace sluice::bench
