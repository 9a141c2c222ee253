#include "apps/model/matrix_product.h"

#include <algorithm>

#include "kernels/resources.h"

namespace sluice::model {
namespace {

namespace baseline {
#define SLUICE_VECTOR_FLOATS 4
#define SLUICE_TILE_ROWS 4
#include "apps/model/matrix_product.inl"
#undef SLUICE_VECTOR_FLOATS
#undef SLUICE_TILE_ROWS
}  // namespace baseline

#if defined(__x86_64__)
#pragma GCC push_options
#pragma GCC target("avx2")
namespace avx2 {
#define SLUICE_VECTOR_FLOATS 8
#define SLUICE_TILE_ROWS 4
#include "apps/model/matrix_product.inl"
#undef SLUICE_VECTOR_FLOATS
#undef SLUICE_TILE_ROWS
}  // namespace avx2
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx512f")
namespace avx512 {
#define SLUICE_VECTOR_FLOATS 16
#define SLUICE_TILE_ROWS 8
#include "apps/model/matrix_product.inl"
#undef SLUICE_VECTOR_FLOATS
#undef SLUICE_TILE_ROWS
}  // namespace avx512
#pragma GCC pop_options
#endif

using Multiply = decltype(&baseline::multiply);

Multiply multiply_here() {
#if defined(__x86_64__)
  switch (kernels::default_instruction_set()) {
    case kernels::InstructionSet::avx512: return &avx512::multiply;
    case kernels::InstructionSet::avx2: return &avx2::multiply;
    case kernels::InstructionSet::baseline: break;
  }
#endif
  return &baseline::multiply;
}

}  // namespace

void PackedMatrix::reshape(std::int64_t rows, std::int64_t columns) {
  rows_ = rows;
  columns_ = columns;
  const std::int64_t panels = (columns + panel - 1) / panel;
  values_.resize(static_cast<std::size_t>(panels * rows * panel));
  const std::int64_t used = columns % panel;
  if (used == 0) return;
  float* last = values_.data() + (panels - 1) * rows * panel;
  for (std::int64_t row = 0; row < rows; ++row)
    std::fill(last + row * panel + used, last + (row + 1) * panel, 0.0F);
}

void PackedMatrix::set_row(std::int64_t row, const float* values) noexcept {
  for (std::int64_t column = 0; column < columns_; column += panel)
    std::copy_n(values + column, std::min(panel, columns_ - column),
                values_.data() + place(row, column));
}

void multiply(const Rows& a, const PackedMatrix& b, std::int64_t inner, std::int64_t columns,
              float* out, std::int64_t out_stride) {
  static const Multiply best = multiply_here();
  best(a, b, inner, columns, out, out_stride);
}

}  // namespace sluice::model
