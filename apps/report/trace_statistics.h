// Counts drawn from a trace: the one place where overlay, report and summary agree on what became
// of each token.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "stream/trace.h"

namespace sluice::report {

/// What became of one input token.
enum class Fate : std::uint8_t {
  kept,          ///< an output row of its own
  merged,        ///< averaged into an output row, with others
  not_selected,  ///< the rest: stream::DropReason, in its order
  no_centre,
  non_finite,
  late,
};
inline constexpr std::size_t fate_count = 6;

[[nodiscard]] constexpr bool is_dropped(Fate fate) noexcept {
  return fate >= Fate::not_selected;
}

/// Tokens by fate.
struct FateCounts {
  std::array<std::int64_t, fate_count> counts{};

  [[nodiscard]] std::int64_t& operator[](Fate fate) noexcept {
    return counts[static_cast<std::size_t>(fate)];
  }
  [[nodiscard]] std::int64_t operator[](Fate fate) const noexcept {
    return counts[static_cast<std::size_t>(fate)];
  }
  [[nodiscard]] std::int64_t dropped() const noexcept;
  [[nodiscard]] std::int64_t total() const noexcept;
  FateCounts& operator+=(const FateCounts& other) noexcept;
};

/// Throws sluice::Error unless the arrays of `trace` fit its F frames of S positions and each
/// other. Every other function of this folder relies on it and checks nothing.
void require_consistent(const stream::SourceTrace& trace);
void require_consistent(const stream::Trace& trace);

[[nodiscard]] Fate fate_of(const stream::SourceTrace& trace, std::int64_t frame,
                           std::int32_t position) noexcept;

/// True where a merged token's output row sits: the cluster centre, in the row's first frame.
[[nodiscard]] bool is_cluster_centre(const stream::SourceTrace& trace, std::int64_t frame,
                                     std::int32_t position) noexcept;

/// The segment that holds `frame`, or -1.
[[nodiscard]] std::int64_t segment_at(const stream::SourceTrace& trace,
                                      std::int64_t frame) noexcept;

/// One frame, or several added up.
struct FrameCounts {
  std::int64_t static_rows = 0;   ///< output rows of merged positions whose first frame this is
  std::int64_t dynamic_rows = 0;  ///< all other output rows of this frame
  FateCounts fates;               ///< of the frame's own S tokens
};

[[nodiscard]] FateCounts count_frame(const stream::SourceTrace& trace, std::int64_t frame) noexcept;
[[nodiscard]] std::vector<FrameCounts> count_by_frame(const stream::SourceTrace& trace);
[[nodiscard]] FateCounts count_fates(const stream::Trace& trace);
/// Output rows of all sources.
[[nodiscard]] std::int64_t row_count(const stream::Trace& trace) noexcept;

/// [F-1] share of the positions that are redundant to the next frame, 0 to 1.
[[nodiscard]] std::vector<double> redundant_share(const stream::SourceTrace& trace);

/// Similarities in equal bins from `low` to 1, with the threshold between two bins. The first bin
/// also takes everything below it.
struct Histogram {
  double low = 0;
  std::vector<std::int64_t> bins;
  std::int64_t above_threshold = 0;
  std::int64_t undefined = 0;  ///< NaN: a zero or non-finite token
  std::int64_t defined = 0;
};
[[nodiscard]] Histogram similarity_histogram(const stream::SourceTrace& trace, double threshold,
                                             std::size_t about_bins);

/// The promise of the exact budget, recomputed from the trace.
struct BudgetCheck {
  std::int64_t allowed = 0;  ///< rnd(retain · seen), or the given number of tokens, up to all
  std::int64_t counted = 0;  ///< output rows found in the trace
  bool holds = false;   ///< rows are as many as kept, kept + unspent = allowed, kept ≤ available
  bool exempt = false;  ///< parity rounding reproduces a paper's own counts instead
};
[[nodiscard]] BudgetCheck check_budget(const stream::Trace& trace);

}  // namespace sluice::report
