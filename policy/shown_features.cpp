#include "policy/shown_features.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/cpu/row_kernels.h"

namespace sluice::policy {
namespace {

/// Squares outside this range may have overflowed or lost their small terms in f32.
bool is_trustworthy(double square) noexcept {
  return square > 1e-20 && square < 1e30;
}

double squared_length(const kernels::cpu::RowKernels& kernels, const void* row,
                      kernels::DType dtype, std::int64_t width) {
  float dot = 0, square = 0;
  kernels.dot_and_square(row, row, dtype, width, &dot, &square);
  const auto fast = static_cast<double>(square);
  return is_trustworthy(fast) ? fast : kernels.dot_f64(row, row, dtype, width);
}

/// 1 − cos(a, b) in [0,1], from the dot product and the squared lengths.
float change_of(double dot, double square_a, double square_b) noexcept {
  if (square_a <= 0 || square_b <= 0) return square_a == square_b ? 0.0F : 1.0F;
  const double cosine = dot / (std::sqrt(square_a) * std::sqrt(square_b));
  return static_cast<float>(std::clamp(1 - cosine, 0.0, 1.0));
}

}  // namespace

ShownFeatures::ShownFeatures(std::int64_t rows, std::int64_t width) : most_rows_(rows) {
  const auto n = static_cast<std::size_t>(rows);
  rows_.reshape(kernels::DType::f32, {rows, width});
  std::memset(rows_.data(), 0, rows_.byte_size());
  free_.reserve(n);
  for (auto* list : {&known_, &kept_}) list->reserve(n);
  found_.reserve(n);
  offered_.reserve(n);
  clear();
}

void ShownFeatures::clear() noexcept {
  known_.clear();
  free_.clear();
  for (std::int64_t slot = most_rows_; slot-- > 0;)
    free_.push_back(static_cast<std::int32_t>(slot));
}

/// Another encoder's features can't be compared.
bool ShownFeatures::has_rows_like(const kernels::TensorView& features) const noexcept {
  return rows_.dtype() == features.dtype() && rows_.size(1) == features.size(1);
}

void ShownFeatures::find(std::span<const std::int64_t> keys) {
  found_.clear();
  auto from = known_.begin();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    // Of ascending keys, each is usually the next one that is known.
    if (i > 0 && keys[i] < keys[i - 1]) from = known_.begin();
    if (from != known_.end() && from->key < keys[i]) ++from;
    if (from != known_.end() && from->key < keys[i])
      from = std::lower_bound(from, known_.end(), keys[i],
                              [](const Known& known, std::int64_t key) { return known.key < key; });
    const bool is_known = from != known_.end() && from->key == keys[i];
    found_.push_back(is_known ? static_cast<std::int32_t>(from - known_.begin()) : -1);
  }
}

void ShownFeatures::compare(kernels::Resources& resources, const kernels::TensorView& features,
                            std::span<const std::int64_t> keys,
                            std::span<const std::uint8_t> finite, std::span<float> change) {
  if (!has_rows_like(features)) {
    std::fill(change.begin(), change.end(), -1.0F);
    return;
  }
  find(keys);
  const auto& kernels = resources.rows();
  const kernels::DType dtype = features.dtype();
  const std::int64_t width = features.size(1);
  resources.pool().parallel_for(std::ssize(keys), [&](std::int64_t row, int) {
    const auto at = static_cast<std::size_t>(row);
    change[at] = -1;
    if (found_[at] < 0 || finite[at] == 0) return;
    const Known& known = known_[static_cast<std::size_t>(found_[at])];
    const void* const shown = rows_.view().row(known.slot);
    float fast_dot = 0, fast_square = 0;
    kernels.dot_and_square(shown, features.row(row), dtype, width, &fast_dot, &fast_square);
    double dot = fast_dot, square = fast_square;
    if (!is_trustworthy(square) || !is_trustworthy(known.square)) {
      dot = kernels.dot_f64(shown, features.row(row), dtype, width);
      square = squared_length(kernels, features.row(row), dtype, width);
    }
    change[at] = change_of(dot, square, known.square);
  });
}

/// Every key once, with the row that counts.
void ShownFeatures::list_offered(std::span<const std::int64_t> keys,
                                 std::span<const std::uint8_t> finite,
                                 std::span<const std::int32_t> sent) {
  offered_.clear();
  auto next_sent = sent.begin();
  for (std::size_t row = 0; row < keys.size(); ++row) {
    const bool was_sent = next_sent != sent.end() && static_cast<std::size_t>(*next_sent) == row;
    if (was_sent) ++next_sent;
    offered_.push_back({keys[row], static_cast<std::int32_t>(row), finite[row] != 0, was_sent});
  }
  std::sort(offered_.begin(), offered_.end(), [](const Offered& a, const Offered& b) {
    if (a.key != b.key) return a.key < b.key;
    if (a.is_finite != b.is_finite) return a.is_finite;
    return a.was_sent != b.was_sent ? a.was_sent : a.row < b.row;
  });
  const auto same_key = [](const Offered& a, const Offered& b) { return a.key == b.key; };
  offered_.erase(std::unique(offered_.begin(), offered_.end(), same_key), offered_.end());
}

/// `kept_` = what is known of the keys offered; the slots of the others are free.
void ShownFeatures::forget_what_is_not_offered() {
  kept_.clear();
  auto offered = offered_.begin();
  for (const Known& known : known_) {
    while (offered != offered_.end() && offered->key < known.key) ++offered;
    if (offered != offered_.end() && offered->key == known.key)
      kept_.push_back(known);
    else
      free_.push_back(known.slot);
  }
}

ShownFeatures::Known ShownFeatures::show(const kernels::Resources& resources,
                                         const kernels::TensorView& features,
                                         const Offered& offered, std::int32_t slot) {
  const std::int64_t width = features.size(1);
  const std::byte* const row = features.row(offered.row);
  const std::size_t bytes = static_cast<std::size_t>(width) * item_size(features.dtype());
  std::memcpy(static_cast<std::byte*>(rows_.data()) + static_cast<std::size_t>(slot) * bytes, row,
              bytes);
  return {offered.key, slot, squared_length(resources.rows(), row, features.dtype(), width)};
}

void ShownFeatures::record(const kernels::Resources& resources, const kernels::TensorView& features,
                           std::span<const std::int64_t> keys, std::span<const std::uint8_t> finite,
                           std::span<const std::int32_t> sent) {
  if (!has_rows_like(features)) {
    clear();
    rows_.reshape(features.dtype(), {most_rows_, features.size(1)});
  }
  list_offered(keys, finite, sent);
  forget_what_is_not_offered();
  known_.clear();
  auto kept = kept_.begin();
  for (const Offered& offered : offered_) {
    const bool is_known = kept != kept_.end() && kept->key == offered.key;
    if (is_known && !(offered.is_finite && offered.was_sent)) {
      known_.push_back(*kept);
    } else if (offered.is_finite) {
      std::int32_t slot = 0;
      if (is_known) {
        slot = kept->slot;
      } else {
        slot = free_.back();
        free_.pop_back();
      }
      known_.push_back(show(resources, features, offered, slot));
    }
    if (is_known) ++kept;
  }
}

}  // namespace sluice::policy
