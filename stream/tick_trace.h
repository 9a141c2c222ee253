// What the tick engine did, tick by tick, for tools: plain data, no algorithm.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "stream/source.h"

namespace sluice::stream {

/// One tick. Where values are those of an enum, tools of this module only pass them on:
/// `status` is a policy::TickStatus.
struct TickTraceTick {
  std::int64_t tick = 0;
  std::int64_t episode = 0;
  double clock_s = 0;
  double deadline_ms = 0;  ///< that the model had; ≤ 0: none
  std::uint8_t status = 0;
  std::int64_t budget = 0, available = 0, kept = 0;
  std::int64_t sequence = -1;  ///< of its packet; −1: none was made
  /// What was written down while it ran; replays of a log only.
  std::optional<bool> as_logged;  ///< whether the same was decided
  std::optional<double> late_ms;  ///< after its time
  std::optional<double> step_ms;  ///< deciding
};

/// A message from the model, in the order in which they came.
struct TickTraceFeedback {
  std::int64_t before = 0;  ///< index of the tick that came after it
  std::int64_t tick = 0;    ///< number of the tick it is about
  std::uint8_t fate = 0;    ///< policy::FeedbackFate
  std::optional<double> model_latency_ms;
};

/// One source, over T ticks with n kept tokens together. A source with a grid has S positions.
struct TickTraceSource {
  Source source;
  std::vector<std::int64_t> offered;     ///< [T] tokens it had
  std::vector<std::int64_t> first_kept;  ///< [T+1] where each tick's kept tokens begin
  std::vector<std::int64_t> key;         ///< [n]
  std::vector<std::int32_t> position;    ///< [n] in the grid; −1: no place in it
  std::vector<std::uint8_t> reason;      ///< [n] KeepReason
  std::vector<float> score;              ///< [n] what it was ranked by
  /// [T,S] how much the last actions looked at what is there (the largest, where tokens share a
  /// position); NaN where nothing was offered. Empty without a grid.
  std::vector<float> action;

  [[nodiscard]] std::int64_t kept(std::size_t tick) const noexcept {
    return first_kept[tick + 1] - first_kept[tick];
  }
};

/// T ticks.
struct TickTrace {
  std::string input;                            ///< as the user named it
  bool is_log = false;                          ///< else a recording, without a model
  std::map<std::string, std::string> settings;  ///< what decided, for people
  std::vector<TickTraceTick> ticks;             ///< [T]
  std::vector<TickTraceFeedback> feedback;
  std::vector<TickTraceSource> sources;    ///< in the order of a packet's batches
  std::int64_t unanswered = 0;             ///< packets forgotten without an answer
  std::int64_t non_finite = 0;             ///< offered tokens with NaN or infinity
  std::map<std::string, double> stage_ms;  ///< wall milliseconds per stage, summed
  std::vector<std::string> notes;          ///< what was skipped or odd
};

}  // namespace sluice::stream
