#include "policy/row_layout.h"

namespace sluice::policy {

RowLayout layout_of(const stream::TokenBatch& batch) {
  RowLayout layout;
  if (batch.features.defined()) {
    layout.dtype = batch.features.dtype();
    layout.width = batch.features.size(1);
  }
  layout.grid_rows = batch.source.grid_rows;
  layout.grid_cols = batch.source.grid_cols;
  std::uint32_t bit = 1;
  stream::for_each_column(batch, [&](const char*, const auto& values, int) {
    if (!values.empty()) layout.columns |= bit;
    bit <<= 1;
  });
  return layout;
}

std::int64_t most_column_bytes() {
  std::int64_t bytes = 0;
  const stream::TokenBatch any;
  stream::for_each_column(any, [&bytes](const char*, const auto& values, std::int64_t per_row) {
    bytes += per_row * std::int64_t{sizeof(values[0])};
  });
  return bytes;
}

std::uint32_t column_bit(std::string_view name) {
  static const stream::TokenBatch any;
  std::uint32_t bit = 1, found = 0;
  stream::for_each_column(any, [&](std::string_view column, const auto&, int) {
    if (column == name) found = bit;
    bit <<= 1;
  });
  return found;
}

}  // namespace sluice::policy
