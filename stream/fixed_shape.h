// Batches with more rows than tokens: chosen rows come first, then held ones, then padding.
#pragma once

#include <cstdint>

#include "stream/token_batch.h"

namespace sluice::stream {

/// Rows that are tokens of this very tick: neither held nor padding. What budgets count.
[[nodiscard]] std::int64_t chosen_rows(const TokenBatch& batch) noexcept;

/// Rows that a model may look at: all but padding.
[[nodiscard]] std::int64_t valid_rows(const TokenBatch& batch) noexcept;

/// Whether a reader who knows neither `valid` nor `held` would take for tokens what is none.
[[nodiscard]] bool has_mask(const TokenBatch& batch) noexcept;

}  // namespace sluice::stream
