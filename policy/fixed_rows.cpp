#include "policy/fixed_rows.h"

#include <algorithm>
#include <cstring>

namespace sluice::policy {
namespace {

void zero_features(std::int64_t first, kernels::Tensor& features) {
  const std::size_t row_bytes =
      static_cast<std::size_t>(features.size(1)) * kernels::item_size(features.dtype());
  const std::size_t begin = static_cast<std::size_t>(first) * row_bytes;
  if (begin < features.byte_size())
    std::memset(static_cast<std::byte*>(features.data()) + begin, 0, features.byte_size() - begin);
}

}  // namespace

std::uint32_t fixed_columns(bool has_held) {
  return column_bit("key") | column_bit("score") | column_bit("reason") | column_bit("valid") |
         (has_held ? column_bit("held") : 0U);
}

void complete_rows(const RowLayout& layout, std::int64_t chosen, HeldRows* held,
                   stream::TokenBatch& batch) {
  const std::int64_t rows = batch.size();
  std::uint32_t bit = 1;
  stream::for_each_column(batch, [&](const char*, auto& values, std::int64_t per_row) {
    values.resize((layout.columns & bit) != 0 ? static_cast<std::size_t>(rows * per_row) : 0);
    bit <<= 1;
  });
  const std::int64_t from_before = held != nullptr ? held->fill(batch, chosen) : 0;
  const std::int64_t valid = chosen + from_before;
  zero_features(valid, batch.features);
  std::fill_n(batch.valid.begin(), valid, std::uint8_t{1});
  if (held != nullptr) std::fill_n(batch.held.begin() + chosen, from_before, std::uint8_t{1});
}

}  // namespace sluice::policy
