// Everything tools need to show what an engine did to a recording: plain data, no algorithm.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "kernels/tensor.h"
#include "stream/packet.h"
#include "stream/source.h"

namespace sluice::stream {

struct TraceSegment {
  std::int32_t first = 0, last = 0;   ///< frames, inclusive
  std::int64_t static_positions = 0;  ///< redundant across the segment
  std::int64_t static_kept = 0;
  std::int64_t dynamic_available = 0;  ///< over all frames of the segment
  std::int64_t dynamic_kept = 0;
  bool forced_cut = false;
};

/// One source's history. F frames of S positions.
struct SourceTrace {
  Source source;
  std::vector<double> pts;               ///< [F] seconds
  std::vector<std::int32_t> assignment;  ///< [F,S] output row, or a DropReason
  std::vector<std::uint8_t> redundant;  ///< [F-1,S] 1 where position is redundant to the next frame
  std::vector<float> similarity;        ///< [F-1,S] cosine to the next frame; NaN if undefined
  std::vector<TraceSegment> segments;   ///< in time order
  /// Per output row, as in the token files.
  std::vector<std::int32_t> row_frame, row_frame_last, row_position;
  std::vector<std::int64_t> row_weight;
  std::vector<std::uint8_t> row_kind;

  [[nodiscard]] std::int64_t frames() const noexcept {
    return static_cast<std::int64_t>(pts.size());
  }
};

struct Trace {
  std::string input;                            ///< as the user named it
  std::map<std::string, std::string> settings;  ///< what decided, for people: "tau" → "0.80"
  double retain = 1.0;
  double tau = 0.0;
  bool causal = false;
  RunningTotals totals;
  std::map<std::string, double> stage_ms;  ///< wall milliseconds per stage, summed
  std::vector<std::string> notes;          ///< what was skipped or odd
  std::vector<SourceTrace> sources;
};

}  // namespace sluice::stream
