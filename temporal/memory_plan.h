// What a token memory that is full makes room with: which chapters are joined, and how many tokens
// each keeps. Integers alone.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sluice::temporal {

/// A chapter, as far as the plan needs to know it.
struct ChapterSize {
  std::int64_t frames = 0;   ///< at least 1
  std::int64_t tokens = 0;   ///< that it has, at least 1
  std::int64_t arrived = 0;  ///< that came in, at least `tokens`
};

/// Neighbouring chapters that become one, and the tokens that it keeps.
struct ChapterGroup {
  std::int64_t chapters = 1;
  std::int64_t tokens = 0;
};

/// A compaction leaves B/16 places free, so that there is one only every so many segments; none
/// below 16.
[[nodiscard]] std::int64_t tokens_after_compaction(std::int64_t budget) noexcept;

/// Tokens that the recent part may have: rnd(recent·B), but at least one token less than a
/// compaction leaves, which what is older needs.
[[nodiscard]] std::int64_t recent_allowance(std::int64_t budget, double recent) noexcept;

/// How many of the newest chapters are recent: as many as arrived with at most `allowance` tokens
/// altogether. Since tokens are counted as they arrived, a chapter that has become older stays so.
[[nodiscard]] std::int64_t count_recent(std::span<const ChapterSize> chapters,
                                        std::int64_t allowance) noexcept;

/// The fewest tokens per older chapter, on average, before chapters are joined.
inline constexpr std::int64_t least_tokens_per_chapter = 8;

/// chapters: oldest first, with more than `budget` tokens altogether. Groups in the same order that
/// keep tokens_after_compaction(budget) in all:
///
/// - Recent chapters keep what they have. The one before them, the edge, keeps at least what they
///   leave of the allowance, so that a segment too large for it is still shown in detail.
/// - Are there more older chapters than would get `least_tokens_per_chapter` each, neighbours are
///   joined: the pair with the fewest frames together first (ties: the oldest), the edge last.
/// - Older chapters share the rest by their number of frames; none gets more than it has, or none.
[[nodiscard]] std::vector<ChapterGroup> plan_compaction(std::span<const ChapterSize> chapters,
                                                        std::int64_t budget, double recent);

/// Shares proportional to `frames`, each within [least, most], that add up to `total`: exact, and
/// even along the order. Requires Σ least ≤ total ≤ Σ most; throws sluice::Error otherwise.
[[nodiscard]] std::vector<std::int64_t> share_by_frames(std::int64_t total,
                                                        std::span<const std::int64_t> frames,
                                                        std::span<const std::int64_t> least,
                                                        std::span<const std::int64_t> most);

}  // namespace sluice::temporal
