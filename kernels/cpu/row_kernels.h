// The inner loops over feature rows, one table per instruction set. Internal to kernels/.
#pragma once

#include <cstdint>

#include "kernels/resources.h"
#include "kernels/tensor.h"

namespace sluice::kernels::cpu {

/// Sums in a *fixed order* give the same bits on every instruction set: element i goes to lane
/// i mod 32, each lane adds its products in ascending order without fused multiply-add, and the
/// lanes are added by halves (0+16, 1+17 …, then 0+8 …).
struct RowKernels {
  /// dot = Σ a·b and square = Σ b·b in f32, fixed order.
  void (*dot_and_square)(const void* a, const void* b, DType dtype, std::int64_t n, float* dot,
                         float* square);
  /// The referee for close calls: Σ a·b in f64, fixed order.
  double (*dot_f64)(const void* a, const void* b, DType dtype, std::int64_t n);
  /// The referee for distances: Σ (a−b)² in f64 over f32 rows, fixed order.
  double (*squared_distance_f64)(const float* a, const float* b, std::int64_t n);

  /// target = row, and target += row · factor (a product, then a sum), element by element.
  void (*load)(float* target, const void* row, DType dtype, std::int64_t n);
  void (*add_scaled)(float* target, const void* row, DType dtype, float factor, std::int64_t n);
  /// target *= factor.
  void (*scale)(float* target, float factor, std::int64_t n);
  /// mean = (Σ rows[index[i]]) / count element by element, added in the order of `index`, count ≥
  /// 1; rows lie row_stride elements apart. False if an element of the mean is NaN or infinite.
  bool (*mean_rows)(float* mean, const void* rows, std::int64_t row_stride,
                    const std::int32_t* index, std::int64_t count, DType dtype, std::int64_t n);
  /// row = target, rounded to nearest even.
  void (*store)(void* row, const float* target, DType dtype, std::int64_t n);

  /// gram[i,j] += Σ_{d0 ≤ d < d1} rows[i,d]·rows[j,d] for i in [i0,i1), j in [j0,j1), in whatever
  /// order is fastest. Its error is bounded by gram_error; only a filter, never a decision.
  void (*add_gram)(const float* rows, std::int64_t row_stride, std::int64_t i0, std::int64_t i1,
                   std::int64_t j0, std::int64_t j1, std::int64_t d0, std::int64_t d1, float* gram,
                   std::int64_t gram_stride);
};

/// Columns per call of add_gram: few enough that a tile of rows stays in the first-level cache.
inline constexpr std::int64_t gram_block = 1024;

/// Bound on |gram − exact| / Σ|a||b| for rows of n elements accumulated in blocks of gram_block on
/// any instruction set (the narrowest has 4 lanes): steps within a lane, across lanes, across
/// blocks, each with one rounding of a product and one of a sum.
[[nodiscard]] constexpr double gram_error(std::int64_t n) noexcept {
  const double steps =
      static_cast<double>(gram_block) / 4 + 8 + static_cast<double>(n) / gram_block;
  return (steps + 2) * 0x1p-23;
}

/// The same for dot_and_square.
[[nodiscard]] constexpr double dot_error(std::int64_t n) noexcept {
  return (static_cast<double>(n) / 32 + 8) * 0x1p-23;
}

extern const RowKernels baseline_row_kernels;
extern const RowKernels avx2_row_kernels;
extern const RowKernels avx512_row_kernels;

}  // namespace sluice::kernels::cpu
