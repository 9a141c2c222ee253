// Columns of a token batch that a token memory carries, and rows of them.
#pragma once

#include <cstddef>
#include <span>

#include "stream/token_batch.h"

namespace sluice::temporal {

/// Calls visit(pointer to column, numbers per token) for the columns that say what a token is: all
/// but the masks of fixed shapes.
template <typename Visit>
void for_each_origin_column(Visit&& visit) {
  using stream::TokenBatch;
  visit(&TokenBatch::key, 1);
  visit(&TokenBatch::frame, 1);
  visit(&TokenBatch::frame_last, 1);
  visit(&TokenBatch::pts, 1);
  visit(&TokenBatch::pts_last, 1);
  visit(&TokenBatch::position, 1);
  visit(&TokenBatch::xyz, 3);
  visit(&TokenBatch::weight, 1);
  visit(&TokenBatch::score, 1);
  visit(&TokenBatch::kind, 1);
  visit(&TokenBatch::reason, 1);
}

/// Appends all columns of `from`.
inline void append_columns(const stream::TokenBatch& from, stream::TokenBatch& to) {
  for_each_origin_column([&](auto column, int) {
    (to.*column).insert((to.*column).end(), (from.*column).begin(), (from.*column).end());
  });
}

/// Appends the columns of these rows of `from`.
template <typename Index>
void append_columns(const stream::TokenBatch& from, std::span<const Index> rows,
                    stream::TokenBatch& to) {
  for_each_origin_column([&](auto column, std::ptrdiff_t per_token) {
    if ((from.*column).empty()) return;
    for (const Index row : rows) {
      const auto first = (from.*column).begin() + static_cast<std::ptrdiff_t>(row) * per_token;
      (to.*column).insert((to.*column).end(), first, first + per_token);
    }
  });
}

}  // namespace sluice::temporal
