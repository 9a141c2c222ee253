// Chapters of a token memory that become one of fewer tokens.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/resources.h"
#include "temporal/chapter_tokens.h"

namespace sluice::temporal {

/// Longer chapters are merged in pieces of at most so many tokens (consecutive in their order), to
/// at most half of them at a time: the cost of agglomeration is quadratic.
inline constexpr std::int64_t largest_piece = 512;

/// Neighbouring chapters that become one of at most `target` tokens.
struct MergeTask {
  std::vector<const ChapterTokens*> chapters;  ///< in time order, not empty
  std::int64_t target = 1;
};

/// One result per task, features in f32. Where a task has no more tokens than its target, they are
/// only put together. Otherwise
///
/// - tokens with NaN or infinity are absorbed by the finite token before them in the chapter, or
///   failing that the one behind; where none is finite, the first absorbs all;
/// - the others are merged down to the target by kernels::agglomerate, and ordered by first frame,
///   then position.
[[nodiscard]] std::vector<ChapterTokens> merge_chapters(kernels::Resources& resources,
                                                        std::span<const MergeTask> tasks);

}  // namespace sluice::temporal
