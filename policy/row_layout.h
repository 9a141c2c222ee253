// What batches of a source must have in common for their rows to lie side by side.
#pragma once

#include <cstdint>
#include <string_view>

#include "stream/token_batch.h"

namespace sluice::policy {

struct RowLayout {
  kernels::DType dtype = kernels::DType::f32;
  std::int64_t width = 0;
  std::int32_t grid_rows = 0, grid_cols = 0;
  std::uint32_t columns = 0;  ///< bit i: the i-th of for_each_column() is there

  friend bool operator==(const RowLayout&, const RowLayout&) = default;
};

/// Of a batch that has rows.
[[nodiscard]] RowLayout layout_of(const stream::TokenBatch& batch);

/// Bytes of a token in all columns together, without its features.
[[nodiscard]] std::int64_t most_column_bytes();

/// The bit of a column; 0 if there is none of that name.
[[nodiscard]] std::uint32_t column_bit(std::string_view name);

}  // namespace sluice::policy
