// Counts drawn from a trace of ticks: the one place where report and summary agree on them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "apps/report/spatial_statistics.h"
#include "policy/feedback_ledger.h"
#include "policy/tick_engine.h"
#include "stream/tick_trace.h"

namespace sluice::report {

/// The reasons that a tick's tokens are kept for, in the order in which pages show them.
[[nodiscard]] std::span<const ReasonStyle> tick_reasons() noexcept;
/// The style of a reason; values that are not known get that of `everything`.
[[nodiscard]] const ReasonStyle& tick_style_of(std::uint8_t reason) noexcept;
/// "attention", "diversity" …: for programs.
[[nodiscard]] std::string_view reason_key(const ReasonStyle& style) noexcept;

/// "ok", "no_tokens" …: for programs.
[[nodiscard]] std::string_view status_key(policy::TickStatus status) noexcept;
/// "applied", "other_episode" …: for programs; and what that means, for people.
[[nodiscard]] std::string_view fate_key(policy::FeedbackFate fate) noexcept;
[[nodiscard]] std::string_view fate_meaning(policy::FeedbackFate fate) noexcept;

/// Throws sluice::Error unless the arrays of `trace` fit each other. Every other function on traces
/// of ticks relies on it and checks nothing.
void require_consistent(const stream::TickTrace& trace);

struct TickCounts {
  std::int64_t ticks = 0;
  std::int64_t ok = 0, empty = 0, failed = 0;  ///< ticks: with tokens, without, and without packet
  std::int64_t episodes = 0;
  std::int64_t offered = 0, available = 0, kept = 0;  ///< tokens
  std::int64_t rows = 0;                     ///< kept tokens, counted again from the trace's rows
  std::int64_t exact = 0;                    ///< ticks that kept min(budget, available) tokens
  std::int64_t violations = 0;               ///< ticks that kept more, or fewer
  std::array<std::int64_t, 256> kept_for{};  ///< tokens per KeepReason
  std::int64_t compared = 0, different = 0;  ///< ticks against the log's decisions
  std::int64_t feedback = 0;                 ///< messages
  std::array<std::int64_t, policy::feedback_fates> by_fate{};

  [[nodiscard]] std::int64_t of(policy::FeedbackFate fate) const noexcept {
    return by_fate[static_cast<std::size_t>(fate)];
  }
};
[[nodiscard]] TickCounts count(const stream::TickTrace& trace);

/// Of the messages that were applied and say how long the model took.
struct ModelLatency {
  std::int64_t answers = 0;
  double median_ms = 0, p95_ms = 0, highest_ms = 0;
  std::int64_t missed = 0;  ///< answers that took longer than their deadline
};
[[nodiscard]] ModelLatency model_latency(const stream::TickTrace& trace);

/// [T] seconds.
[[nodiscard]] std::vector<double> times_of(const stream::TickTrace& trace);
/// [T] Ticks between the newest one that the model has answered and this one; NaN before the first
/// answer of an episode.
[[nodiscard]] std::vector<double> feedback_age(const stream::TickTrace& trace);
/// [T] Milliseconds that the model took, mean of the answers that came before this tick; NaN if
/// none did.
[[nodiscard]] std::vector<double> latency_by_tick(const stream::TickTrace& trace);
/// [T] Share of the kept tokens whose key the packet before did not hold; NaN where there is none.
[[nodiscard]] std::vector<double> turnover(const stream::TickTrace& trace);
/// Indices of ticks that are the first of an episode, but for the very first.
[[nodiscard]] std::vector<std::int64_t> episode_starts(const stream::TickTrace& trace);

}  // namespace sluice::report
