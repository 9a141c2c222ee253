// Matrix products for the model: one core, f32, the same bits on every instruction set.
#pragma once

#include <cstdint>
#include <vector>

namespace sluice::model {

/// A right-hand side [rows,columns], stored in panels of `panel` columns so that the product reads
/// it in one direction; the last panel is filled up with zeros.
class PackedMatrix {
 public:
  static constexpr std::int64_t panel = 32;

  PackedMatrix() = default;
  PackedMatrix(std::int64_t rows, std::int64_t columns) { reshape(rows, columns); }
  /// Allocates only to grow. The elements are unspecified afterwards, those that fill up are 0.
  void reshape(std::int64_t rows, std::int64_t columns);

  [[nodiscard]] std::int64_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::int64_t columns() const noexcept { return columns_; }
  [[nodiscard]] const float* panel_data(std::int64_t index) const noexcept {
    return values_.data() + index * rows_ * panel;
  }
  [[nodiscard]] float& at(std::int64_t row, std::int64_t column) noexcept {
    return values_[place(row, column)];
  }
  [[nodiscard]] float at(std::int64_t row, std::int64_t column) const noexcept {
    return values_[place(row, column)];
  }
  /// Copies `columns()` numbers.
  void set_row(std::int64_t row, const float* values) noexcept;

 private:
  [[nodiscard]] std::size_t place(std::int64_t row, std::int64_t column) const noexcept {
    return static_cast<std::size_t>((column / panel * rows_ + row) * panel + column % panel);
  }

  std::int64_t rows_ = 0, columns_ = 0;
  std::vector<float> values_;
};

/// A left-hand side or a result: rows that lie `stride` numbers apart.
struct Rows {
  const float* data;
  std::int64_t count;
  std::int64_t stride;
};

/// out[i,j] = Σ a[i,d]·b[d,j] over d < inner, for i < a.count and j < columns: products and sums
/// one by one, d ascending. inner ≤ b.rows(), columns ≤ b.columns(); rows of `out` lie `out_stride`
/// numbers apart and have `columns` of them.
void multiply(const Rows& a, const PackedMatrix& b, std::int64_t inner, std::int64_t columns,
              float* out, std::int64_t out_stride);

}  // namespace sluice::model
