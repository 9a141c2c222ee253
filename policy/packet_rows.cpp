#include "policy/packet_rows.h"

#include <cstddef>
#include <cstring>
#include <vector>

#include "kernels/touched_memory.h"

namespace sluice::policy {
namespace {

/// Takes memory for all that may ever come, and touches it: a page fault in the loop would be a
/// surprise.
void reshape_features(kernels::DType dtype, std::int64_t rows, std::int64_t width,
                      const RowLimits& limits, kernels::Tensor& features) {
  const void* const before = features.data();
  features.reshape(kernels::DType::f32, {limits.rows, limits.width});  // keeps what suffices
  if (features.data() != before) std::memset(features.data(), 0, features.byte_size());
  features.reshape(dtype, {limits.shape.value_or(rows), width});
}

void copy_features(const kernels::TensorView& from, std::span<const std::int32_t> rows,
                   const RowLimits& limits, kernels::Tensor& to) {
  const std::int64_t width = from.size(1);
  reshape_features(from.dtype(), std::ssize(rows), width, limits, to);
  const std::size_t bytes = static_cast<std::size_t>(width) * item_size(from.dtype());
  auto* target = static_cast<std::byte*>(to.data());
  for (const std::int32_t row : rows) {
    std::memcpy(target, from.row(row), bytes);
    target += bytes;
  }
}

/// Columns have `per_row` numbers per token, as for_each_column() says.
template <typename Value>
void copy_column(std::span<const Value> from, std::span<const std::int32_t> rows,
                 std::int64_t per_row, const RowLimits& limits, std::vector<Value>& to) {
  to.clear();
  if (from.empty()) return;
  const auto most = static_cast<std::size_t>(limits.rows * per_row);
  if (to.capacity() < most) kernels::reserve_touched(to, most);
  for (const std::int32_t row : rows) {
    const auto begin = from.begin() + row * per_row;
    to.insert(to.end(), begin, begin + per_row);
  }
}

}  // namespace

void copy_kept_rows(const stream::TokenBatch& tokens, std::span<const std::int64_t> key,
                    std::span<const float> score, const Choice& choice, const RowLimits& limits,
                    stream::TokenBatch& batch) {
  const std::span<const std::int32_t> rows = choice.keep;
  const auto copy = [&](const auto& from, std::int64_t per_row, auto& to) {
    copy_column(std::span(from), rows, per_row, limits, to);
  };
  batch.source = tokens.source;
  copy_features(tokens.features, rows, limits, batch.features);
  copy(key, 1, batch.key);
  copy(tokens.frame, 1, batch.frame);
  copy(tokens.frame_last, 1, batch.frame_last);
  copy(tokens.pts, 1, batch.pts);
  copy(tokens.pts_last, 1, batch.pts_last);
  copy(tokens.position, 1, batch.position);
  copy(tokens.xyz, 3, batch.xyz);
  copy(tokens.weight, 1, batch.weight);
  copy(score, 1, batch.score);
  copy(tokens.kind, 1, batch.kind);
  batch.reason.reserve(static_cast<std::size_t>(limits.rows));
  batch.reason.assign(choice.reason.begin(), choice.reason.end());
  batch.valid.clear();
  batch.held.clear();
}

void clear_rows(stream::TokenBatch& batch) noexcept {
  if (batch.features.defined()) batch.features.truncate(0);
  stream::for_each_column(batch, [](const char*, auto& values, std::int64_t) { values.clear(); });
}

void set_no_rows(const stream::Source& source, kernels::DType dtype, const RowLimits& limits,
                 stream::TokenBatch& batch) {
  clear_rows(batch);
  batch.source = source;
  reshape_features(dtype, 0, source.feature_width, limits, batch.features);
}

}  // namespace sluice::policy
