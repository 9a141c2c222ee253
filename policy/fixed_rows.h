// A batch that always has the same number of rows.
#pragma once

#include <cstdint>

#include "policy/held_rows.h"
#include "policy/row_layout.h"
#include "stream/token_batch.h"

namespace sluice::policy {

/// What batches of a fixed shape have besides the columns of their tokens.
[[nodiscard]] std::uint32_t fixed_columns(bool has_held);

/// Completes a batch whose features have all its rows, of which the first `chosen` are filled: then
/// come rows from `held`, where given, then zeros. It ends up with the columns of `layout`,
/// fixed_columns() among them, and no others. Allocates nothing that they don't lack.
void complete_rows(const RowLayout& layout, std::int64_t chosen, HeldRows* held,
                   stream::TokenBatch& batch);

}  // namespace sluice::policy
