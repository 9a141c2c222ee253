// The tokens of a chapter of a token memory, and what becomes of them when they are merged.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernels/resources.h"
#include "stream/token_batch.h"

namespace sluice::temporal {

/// The member of a merged token that gave it its key, position, kind and reason: the heaviest of
/// all tokens that arrived and went into it (ties: the earliest to arrive). So it doesn't matter in
/// how many steps they were merged.
struct HeaviestMember {
  std::int64_t weight = 0;
  std::int64_t arrival = 0;  ///< counted over the memory's life
};

struct ChapterTokens {
  stream::TokenBatch batch;  ///< features of the type that came in, or f32 once they are merged
  std::vector<HeaviestMember> heaviest;  ///< [n]

  [[nodiscard]] std::int64_t size() const noexcept { return batch.size(); }
};

/// One behind the other, features widened to f32. At least one.
[[nodiscard]] ChapterTokens put_together(const kernels::cpu::RowKernels& kernels,
                                         std::span<const ChapterTokens* const> chapters);

enum class MergedOrder {
  clusters,  ///< as the clusters are numbered
  time,      ///< by first frame, then position, then cluster
};

/// One token per cluster: row first_row + i goes into cluster[i] in [0, count), none of which is
/// empty. Features in f32.
///
/// A merged token is the mean of its members by weight, computed in f64, and of one that is alone
/// bit for bit what it was. Its weight is their sum, its frames and times span theirs, its score is
/// the best of theirs. Members that are not `sound` (empty: all are) give weight, span and score
/// alone, unless none of a cluster is: then the first speaks for it.
[[nodiscard]] ChapterTokens merge_clusters(const ChapterTokens& from, std::int64_t first_row,
                                           std::span<const std::int32_t> cluster,
                                           std::int64_t count, MergedOrder order,
                                           std::span<const std::uint8_t> sound = {});

/// Orders tokens with f32 features by first frame, then position, then as they are.
void put_in_order(ChapterTokens& tokens);

/// The features of f32 chapters, copied one behind the other into `memory`, which they share from
/// now on, and which is overwritten.
[[nodiscard]] std::vector<kernels::Tensor> pack_features(
    std::span<const ChapterTokens* const> chapters, const std::shared_ptr<kernels::Tensor>& memory);

/// Writes features to the rows of `output` from `row` on, rounded to its type where they are
/// merged, and appends every other column. output.features [N,D] has room for them.
void append_tokens(const kernels::cpu::RowKernels& kernels, const stream::TokenBatch& tokens,
                   std::int64_t row, stream::TokenBatch& output);

}  // namespace sluice::temporal
