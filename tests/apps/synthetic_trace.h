// A trace as an engine could have made it, from a seed: segments with static and dynamic positions,
// some of them kept.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "stream/trace.h"

namespace sluice::test {

struct SyntheticOptions {
  std::int32_t frames = 40, rows = 4, cols = 6;
  std::int32_t longest_segment = 12;
  double kept_share = 0.3;
  bool faults = true;  ///< NaN similarities, non-finite tokens, a late segment
  std::uint32_t seed = 1;
};

namespace detail {

class TraceMaker {
 public:
  explicit TraceMaker(const SyntheticOptions& options) : options_(options), random_(options.seed) {
    trace_.source.grid_rows = options.rows;
    trace_.source.grid_cols = options.cols;
    trace_.source.image_width = 640;
    trace_.source.image_height = 360;
    trace_.source.feature_width = 8;
  }

  stream::SourceTrace make() {
    const auto frames = static_cast<std::size_t>(options_.frames);
    const auto positions = static_cast<std::size_t>(trace_.source.positions());
    for (std::size_t f = 0; f < frames; ++f) trace_.pts.push_back(0.1 * static_cast<double>(f));
    trace_.assignment.assign(frames * positions, -1);
    const std::size_t pairs = frames > 0 ? frames - 1 : 0;
    for (std::size_t i = 0; i < pairs * positions; ++i) {
      const float similarity = static_cast<float>(1 - 0.6 * share() * share());
      const bool undefined = options_.faults && share() < 0.02;
      trace_.similarity.push_back(undefined ? std::numeric_limits<float>::quiet_NaN() : similarity);
      trace_.redundant.push_back(!undefined && similarity > 0.8F ? 1 : 0);
    }
    for (std::int32_t first = 0; first < options_.frames;) {
      const auto length = 1 + static_cast<std::int32_t>(share() * options_.longest_segment);
      const std::int32_t last = std::min(first + length, options_.frames) - 1;
      add_segment(first, last);
      first = last + 1;
    }
    return trace_;
  }

 private:
  double share() { return std::uniform_real_distribution<double>(0, 1)(random_); }
  std::int32_t& assigned(std::int32_t frame, std::int32_t position) {
    return trace_
        .assignment[static_cast<std::size_t>(frame * trace_.source.positions() + position)];
  }
  std::int32_t add_row(std::int32_t first, std::int32_t last, std::int32_t position,
                       bool is_static) {
    trace_.row_frame.push_back(first);
    trace_.row_frame_last.push_back(last);
    trace_.row_position.push_back(position);
    trace_.row_weight.push_back(0);
    trace_.row_kind.push_back(is_static ? 0 : 1);
    return static_cast<std::int32_t>(trace_.row_frame.size()) - 1;
  }
  void assign(std::int32_t frame, std::int32_t position, std::int32_t row) {
    assigned(frame, position) = row;
    if (row >= 0) ++trace_.row_weight[static_cast<std::size_t>(row)];
  }

  void add_segment(std::int32_t first, std::int32_t last) {
    stream::TraceSegment segment;
    segment.first = first;
    segment.last = last;
    segment.forced_cut = last - first + 1 == options_.longest_segment;
    const bool late = options_.faults && first > 0 && share() < 0.05;
    std::int32_t row = -2;  // static positions join the last centre before them
    for (std::int32_t p = 0; p < trace_.source.positions(); ++p) {
      if (last == first || share() < 0.5) {
        add_dynamic(segment, p, late);
        continue;
      }
      ++segment.static_positions;
      if (!late && share() < options_.kept_share) {
        row = add_row(first, last, p, true);
        ++segment.static_kept;
      }
      for (std::int32_t f = first; f <= last; ++f) assign(f, p, late ? -4 : row);
    }
    trace_.segments.push_back(segment);
  }

  void add_dynamic(stream::TraceSegment& segment, std::int32_t position, bool late) {
    for (std::int32_t f = segment.first; f <= segment.last; ++f) {
      ++segment.dynamic_available;
      if (late) {
        assign(f, position, -4);
      } else if (options_.faults && share() < 0.01) {
        assign(f, position, -3);
      } else if (share() < options_.kept_share) {
        assign(f, position, add_row(f, f, position, false));
        ++segment.dynamic_kept;
      }
    }
  }

  SyntheticOptions options_;
  std::mt19937 random_;
  stream::SourceTrace trace_;
};

}  // namespace detail

inline stream::SourceTrace synthetic_source(const SyntheticOptions& options = {}) {
  return detail::TraceMaker(options).make();
}

/// One source; totals that fit it and keep the budget exactly.
inline stream::Trace synthetic_trace(const SyntheticOptions& options = {}) {
  stream::Trace trace;
  trace.input = "synthetic.mp4";
  trace.settings = {{"beta", "0.60"}, {"rounding", "exact"}};
  trace.tau = 0.8;
  trace.sources.push_back(synthetic_source(options));
  const stream::SourceTrace& source = trace.sources.front();
  auto& totals = trace.totals;
  totals.frames = source.frames();
  totals.seen = source.frames() * source.source.positions();
  for (const auto& segment : source.segments) {
    totals.available += segment.static_positions + segment.dynamic_available;
    totals.forced_cuts += segment.forced_cut ? 1 : 0;
  }
  totals.kept = static_cast<std::int64_t>(source.row_frame.size());
  trace.retain =
      totals.seen > 0 ? static_cast<double>(totals.kept) / static_cast<double>(totals.seen) : 0.1;
  totals.packets = static_cast<std::int64_t>(source.segments.size());
  trace.stage_ms = {{"decode", 120.5}, {"merge", 3.25}};
  return trace;
}

}  // namespace sluice::test
