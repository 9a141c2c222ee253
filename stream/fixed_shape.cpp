#include "stream/fixed_shape.h"

#include <algorithm>

namespace sluice::stream {

std::int64_t valid_rows(const TokenBatch& batch) noexcept {
  if (batch.valid.empty()) return batch.size();
  return std::count(batch.valid.begin(), batch.valid.end(), 1);
}

std::int64_t chosen_rows(const TokenBatch& batch) noexcept {
  return valid_rows(batch) - std::count(batch.held.begin(), batch.held.end(), 1);
}

bool has_mask(const TokenBatch& batch) noexcept {
  return !batch.valid.empty() || !batch.held.empty();
}

}  // namespace sluice::stream
