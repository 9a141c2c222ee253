// What speaks for a token, on several levels together: semantic attention, action attention,
// novelty.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "stream/token_batch.h"

namespace sluice::policy {

/// Of the rows that were given, in their order.
struct Evidence {
  std::vector<double> sum;           ///< over the levels
  std::vector<double> most;          ///< of the level that says most …
  std::vector<std::uint8_t> reason;  ///< … and its stream::KeepReason
  std::vector<float> ordered;        ///< scratch

  void reserve(std::int64_t rows);
  /// Nothing is known yet of `rows` rows.
  void begin(std::int64_t rows);
};

/// evidence.sum[i] += weight · e_i / Σ e,  e_i = max(0, score[rows[i]] − median of score[rows])
///
/// So levels of any scale can be added: only what stands above the median token counts, and a level
/// has `weight` to give away in all, whether to a few tokens or to many. NaN is no evidence;
/// infinite scores count as the largest float. Sums run in the order of `rows`.
void add_level(std::span<const float> score, std::span<const std::int32_t> rows, double weight,
               stream::KeepReason reason, Evidence& evidence);

}  // namespace sluice::policy
