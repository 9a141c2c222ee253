// What became of a video in a memory of fixed size: all that its report and its summary show.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "apps/report/memory_history.h"
#include "stream/packet.h"
#include "stream/source.h"
#include "temporal/token_memory.h"

namespace sluice::report {

struct MemoryTrace {
  std::string input;                            ///< as the user named it
  std::map<std::string, std::string> settings;  ///< what decided, for people: "tokens" → "8192"
  stream::Source source;
  std::int64_t budget = 0;  ///< tokens held at most
  double recent = 0;        ///< share of it for the newest segments, as they came
  bool complete = false;    ///< the video was read to its end

  stream::RunningTotals totals;                   ///< of the reducer, before the memory
  temporal::MemoryCounts memory;                  ///< what the memory did
  std::int64_t arrived = 0;                       ///< tokens that did
  std::int64_t arrived_weight = 0;                ///< input tokens that those stand for
  std::int64_t held = 0;                          ///< tokens in the file
  std::int64_t held_weight = 0;                   ///< input tokens that those stand for
  std::int64_t most_held = 0;                     ///< after any segment
  std::vector<temporal::MemoryChapter> chapters;  ///< in time order
  MemoryHistory history;

  std::vector<std::string> snapshots;      ///< names of the files written on the way
  std::map<std::string, double> stage_ms;  ///< wall milliseconds per stage, summed
  std::vector<std::string> notes;          ///< what was skipped or odd
};

/// What a memory promises, counted again.
struct MemoryCheck {
  bool budget = false;  ///< never more tokens than the budget
  bool weight = false;  ///< no input token was lost or counted twice
  bool time = false;    ///< chapters cover every frame, one after the other
};
[[nodiscard]] MemoryCheck check_memory(const MemoryTrace& trace);

/// Throws sluice::Error if counts and chapters contradict each other; whether the memory kept its
/// promises is check_memory()'s to say. Everything else that draws a trace relies on it.
void require_consistent(const MemoryTrace& trace);

}  // namespace sluice::report
