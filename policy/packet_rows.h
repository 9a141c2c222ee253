// The kept rows of a source, copied into a packet that is used again in every tick.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "policy/selector.h"
#include "stream/token_batch.h"

namespace sluice::policy {

/// The most that a source may ever put into the packet. Memory for it is taken, and touched, at the
/// first call.
struct RowLimits {
  std::int64_t rows = 0;
  std::int64_t width = 0;
  std::optional<std::int64_t> shape = {};  ///< fixed: as many rows, whatever was chosen
};

/// `batch` = the rows choice.keep of `tokens`, in that order, with all columns that `tokens` has.
/// Key, score and reason are there in any case: `key` [N], `score` [N], and the choice's reasons.
/// Once a batch has been filled with these limits, filling it allocates nothing. With a fixed
/// shape, complete_rows() has to follow: features beyond the chosen rows are unspecified.
void copy_kept_rows(const stream::TokenBatch& tokens, std::span<const std::int64_t> key,
                    std::span<const float> score, const Choice& choice, const RowLimits& limits,
                    stream::TokenBatch& batch);

/// Takes all rows out. Source and memory stay.
void clear_rows(stream::TokenBatch& batch) noexcept;

/// `batch` = no rows of `source`, of this type. With a fixed shape, complete_rows() has to follow.
void set_no_rows(const stream::Source& source, kernels::DType dtype, const RowLimits& limits,
                 stream::TokenBatch& batch);

}  // namespace sluice::policy
