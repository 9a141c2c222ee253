// What ticks and feedback are called in the log and in the metrics.
#pragma once

#include <array>
#include <string_view>

#include "policy/feedback_ledger.h"
#include "policy/tick_engine.h"

namespace sluice::apps {

/// By policy::TickStatus.
inline constexpr std::array<std::string_view, 6> status_names{
    "ok", "no_tokens", "bad_input", "over_budget", "old_tick", "failed"};
/// By policy::FeedbackFate.
inline constexpr std::array<std::string_view, policy::feedback_fates> fate_names{
    "applied",      "stale",  "duplicate", "other_episode",
    "unknown_tick", "future", "malformed", "other_stream"};

[[nodiscard]] constexpr std::string_view name_of(policy::TickStatus status) noexcept {
  return status_names[static_cast<std::size_t>(status)];
}
[[nodiscard]] constexpr std::string_view name_of(policy::FeedbackFate fate) noexcept {
  return fate_names[static_cast<std::size_t>(fate)];
}

}  // namespace sluice::apps
