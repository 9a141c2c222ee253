#include "policy/held_rows.h"

#include <algorithm>
#include <cstring>

namespace sluice::policy {
namespace {

/// Calls visit(memory, bytes) for a row's features and for its part of every column there is.
template <typename Batch, typename Visit>
void for_each_part(Batch& batch, std::int64_t row, Visit&& visit) {
  auto& features = batch.features;
  const std::size_t bytes =
      static_cast<std::size_t>(features.size(1)) * kernels::item_size(features.dtype());
  using Byte = std::conditional_t<std::is_const_v<Batch>, const std::byte, std::byte>;
  visit(static_cast<Byte*>(features.data()) + static_cast<std::size_t>(row) * bytes, bytes);
  stream::for_each_column(batch, [&](const char*, auto& values, std::int64_t per_row) {
    if (!values.empty())
      visit(values.data() + row * per_row, static_cast<std::size_t>(per_row) * sizeof(values[0]));
  });
}

}  // namespace

HeldRows::HeldRows(std::int64_t shape, std::int64_t width)
    : shape_(static_cast<std::size_t>(shape)),
      most_bytes_(static_cast<std::size_t>(width) * sizeof(float) +
                  static_cast<std::size_t>(most_column_bytes())),
      bytes_(shape_ * most_bytes_) {
  for (auto* rows : {&rows_, &keys_, &next_}) rows->reserve(shape_);
  free_.reserve(shape_);
  clear();
}

void HeldRows::clear() noexcept {
  rows_.clear();
  free_.clear();
  for (std::size_t place = shape_; place > 0; --place) free_.push_back(place - 1);
}

void HeldRows::sort_keys(const stream::TokenBatch& batch, std::int64_t rows) {
  keys_.clear();
  for (std::size_t i = 0; i < static_cast<std::size_t>(rows); ++i)
    keys_.push_back({batch.key[i], i});
  std::sort(keys_.begin(), keys_.end(), [](const Row& a, const Row& b) {
    return a.key < b.key || (a.key == b.key && a.place > b.place);
  });
  const auto same_key = [](const Row& a, const Row& b) { return a.key == b.key; };
  keys_.erase(std::unique(keys_.begin(), keys_.end(), same_key), keys_.end());
}

bool HeldRows::is_among_keys(std::int64_t key) const noexcept {
  const auto found = std::lower_bound(keys_.begin(), keys_.end(), key,
                                      [](const Row& row, std::int64_t k) { return row.key < k; });
  return found != keys_.end() && found->key == key;
}

void HeldRows::record(const stream::TokenBatch& batch, std::int64_t rows) {
  if (rows == 0) return;
  if (const RowLayout layout = layout_of(batch); layout != layout_) {
    clear();
    layout_ = layout;
  }
  sort_keys(batch, rows);
  next_ = keys_;
  for (const Row& row : rows_) {
    if (next_.size() < shape_ && !is_among_keys(row.key))
      next_.push_back(row);
    else
      free_.push_back(row.place);
  }
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    next_[i].place = free_.back();
    free_.pop_back();
    std::byte* out = bytes_at(next_[i].place);
    for_each_part(batch, static_cast<std::int64_t>(keys_[i].place),
                  [&out](const void* memory, std::size_t bytes) {
                    std::memcpy(out, memory, bytes);
                    out += bytes;
                  });
  }
  rows_.swap(next_);
}

std::int64_t HeldRows::fill(stream::TokenBatch& batch, std::int64_t first) {
  if (layout_of(batch) != layout_) return 0;
  sort_keys(batch, first);
  std::int64_t row = first;
  for (const Row& held : rows_) {
    if (row == batch.size()) break;
    if (is_among_keys(held.key)) continue;
    const std::byte* in = bytes_at(held.place);
    for_each_part(batch, row++, [&in](void* memory, std::size_t bytes) {
      if (bytes > 0) std::memcpy(memory, in, bytes);
      in += bytes;
    });
  }
  return row - first;
}

}  // namespace sluice::policy
