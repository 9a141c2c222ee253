#include "apps/report/trace_statistics.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

namespace sluice::report {
namespace {

using stream::SourceTrace;
using stream::TokenKind;

std::size_t index_of(const SourceTrace& trace, std::int64_t frame, std::int32_t position) noexcept {
  return static_cast<std::size_t>(frame * trace.source.positions() + position);
}

void require_size(std::size_t actual, std::size_t expected, const SourceTrace& trace,
                  std::string_view what) {
  if (actual == expected) return;
  throw input_error(concat("trace of source '", trace.source.id, "'"),
                    concat(what, " has ", actual, " entries"), concat(expected));
}

void require_rows(const SourceTrace& trace) {
  const std::size_t rows = trace.row_frame.size();
  require_size(trace.row_frame_last.size(), rows, trace, "row_frame_last");
  require_size(trace.row_position.size(), rows, trace, "row_position");
  require_size(trace.row_weight.size(), rows, trace, "row_weight");
  require_size(trace.row_kind.size(), rows, trace, "row_kind");
  const std::int64_t frames = trace.frames();
  const std::int32_t positions = trace.source.positions();
  for (std::size_t row = 0; row < rows; ++row) {
    const bool inside = trace.row_frame[row] >= 0 && trace.row_frame[row] < frames &&
                        trace.row_position[row] >= 0 && trace.row_position[row] < positions;
    if (!inside) {
      throw input_error(
          concat("trace of source '", trace.source.id, "', row ", row),
          concat("frame ", trace.row_frame[row], ", position ", trace.row_position[row]),
          concat("a place among ", frames, " frames of ", positions, " positions"));
    }
  }
  for (const std::int32_t row : trace.assignment) {
    if (row >= static_cast<std::int64_t>(rows) ||
        row < static_cast<std::int32_t>(stream::DropReason::late)) {
      throw input_error(concat("trace of source '", trace.source.id, "'"),
                        concat("a token is assigned to ", row),
                        concat("one of ", rows, " rows, or a reason for dropping"));
    }
  }
}

void require_segments(const SourceTrace& trace) {
  std::int64_t previous = -1;
  for (const auto& segment : trace.segments) {
    if (segment.first <= previous || segment.last < segment.first ||
        segment.last >= trace.frames()) {
      throw input_error(concat("trace of source '", trace.source.id, "'"),
                        concat("segment of frames ", segment.first, " to ", segment.last),
                        concat("segments in time order within ", trace.frames(), " frames"));
    }
    previous = segment.last;
  }
}

bool is_static(const SourceTrace& trace, std::size_t row) noexcept {
  return trace.row_kind[row] == static_cast<std::uint8_t>(TokenKind::static_);
}

bool sits_at(const SourceTrace& trace, std::size_t row, std::int64_t frame,
             std::int32_t position) noexcept {
  return trace.row_frame[row] == frame && trace.row_position[row] == position;
}

/// Where a histogram starts: below nearly all values, so that a few outliers don't squeeze the rest
/// into one bin. Reorders `values`.
double lowest_shown(std::vector<float>& values, double threshold) {
  double low = threshold - 0.2;
  if (!values.empty()) {
    const auto rank = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 50);
    std::nth_element(values.begin(), rank, values.end());
    low = std::min(low, std::floor(static_cast<double>(*rank) * 10) / 10);
  }
  return std::clamp(low, -1.0, 0.9);
}

std::optional<std::int64_t> token_budget(const stream::Trace& trace) {
  const auto setting = trace.settings.find("budget");
  if (setting == trace.settings.end()) return std::nullopt;
  const std::string& text = setting->second;
  std::int64_t tokens = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), tokens);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return tokens;
}

}  // namespace

std::int64_t FateCounts::dropped() const noexcept {
  return (*this)[Fate::not_selected] + (*this)[Fate::no_centre] + (*this)[Fate::non_finite] +
         (*this)[Fate::late];
}

std::int64_t FateCounts::total() const noexcept {
  return (*this)[Fate::kept] + (*this)[Fate::merged] + dropped();
}

FateCounts& FateCounts::operator+=(const FateCounts& other) noexcept {
  for (std::size_t i = 0; i < fate_count; ++i) counts[i] += other.counts[i];
  return *this;
}

void require_consistent(const SourceTrace& trace) {
  const std::int64_t frames = trace.frames();
  const std::int64_t positions = trace.source.positions();
  if (positions <= 0) {
    throw input_error(concat("trace of source '", trace.source.id, "'"), "its tokens have no grid",
                      "at least one grid row and column");
  }
  const auto tokens = static_cast<std::size_t>(frames * positions);
  const auto pairs = static_cast<std::size_t>(std::max<std::int64_t>(frames - 1, 0) * positions);
  require_size(trace.assignment.size(), tokens, trace, "assignment");
  require_size(trace.redundant.size(), pairs, trace, "redundant");
  require_size(trace.similarity.size(), pairs, trace, "similarity");
  require_rows(trace);
  require_segments(trace);
}

void require_consistent(const stream::Trace& trace) {
  for (const SourceTrace& source : trace.sources) require_consistent(source);
}

Fate fate_of(const SourceTrace& trace, std::int64_t frame, std::int32_t position) noexcept {
  const std::int32_t assigned = trace.assignment[index_of(trace, frame, position)];
  switch (static_cast<stream::DropReason>(assigned)) {
    case stream::DropReason::not_selected: return Fate::not_selected;
    case stream::DropReason::no_centre: return Fate::no_centre;
    case stream::DropReason::non_finite: return Fate::non_finite;
    case stream::DropReason::late: return Fate::late;
    default: break;  // a row: require_consistent() lets no other reason pass
  }
  const auto row = static_cast<std::size_t>(assigned);
  if (is_static(trace, row)) return Fate::merged;
  return sits_at(trace, row, frame, position) ? Fate::kept : Fate::merged;
}

bool is_cluster_centre(const SourceTrace& trace, std::int64_t frame,
                       std::int32_t position) noexcept {
  const std::int32_t assigned = trace.assignment[index_of(trace, frame, position)];
  if (assigned < 0) return false;
  const auto row = static_cast<std::size_t>(assigned);
  return is_static(trace, row) && sits_at(trace, row, frame, position);
}

std::int64_t segment_at(const SourceTrace& trace, std::int64_t frame) noexcept {
  const auto after = std::upper_bound(
      trace.segments.begin(), trace.segments.end(), frame,
      [](std::int64_t f, const stream::TraceSegment& segment) { return f < segment.first; });
  if (after == trace.segments.begin()) return -1;
  const auto found = after - 1;
  return frame <= found->last ? found - trace.segments.begin() : -1;
}

FateCounts count_frame(const SourceTrace& trace, std::int64_t frame) noexcept {
  FateCounts counts;
  const std::int32_t positions = trace.source.positions();
  for (std::int32_t p = 0; p < positions; ++p) ++counts[fate_of(trace, frame, p)];
  return counts;
}

std::vector<FrameCounts> count_by_frame(const SourceTrace& trace) {
  std::vector<FrameCounts> frames(trace.pts.size());
  for (std::size_t row = 0; row < trace.row_frame.size(); ++row) {
    FrameCounts& frame = frames[static_cast<std::size_t>(trace.row_frame[row])];
    ++(is_static(trace, row) ? frame.static_rows : frame.dynamic_rows);
  }
  for (std::size_t f = 0; f < frames.size(); ++f) {
    frames[f].fates = count_frame(trace, static_cast<std::int64_t>(f));
  }
  return frames;
}

FateCounts count_fates(const stream::Trace& trace) {
  FateCounts counts;
  for (const SourceTrace& source : trace.sources) {
    for (std::int64_t f = 0; f < source.frames(); ++f) counts += count_frame(source, f);
  }
  return counts;
}

std::int64_t row_count(const stream::Trace& trace) noexcept {
  std::int64_t rows = 0;
  for (const SourceTrace& source : trace.sources) {
    rows += static_cast<std::int64_t>(source.row_frame.size());
  }
  return rows;
}

std::vector<double> redundant_share(const SourceTrace& trace) {
  const auto positions = static_cast<std::size_t>(trace.source.positions());
  std::vector<double> share(trace.redundant.size() / positions);
  for (std::size_t pair = 0; pair < share.size(); ++pair) {
    const auto begin = trace.redundant.begin() + static_cast<std::ptrdiff_t>(pair * positions);
    const auto redundant = std::count_if(begin, begin + static_cast<std::ptrdiff_t>(positions),
                                         [](std::uint8_t bit) { return bit != 0; });
    share[pair] = static_cast<double>(redundant) / static_cast<double>(positions);
  }
  return share;
}

Histogram similarity_histogram(const SourceTrace& trace, double threshold, std::size_t about_bins) {
  Histogram histogram;
  std::vector<float> defined;
  defined.reserve(trace.similarity.size());
  for (const float similarity : trace.similarity) {
    if (std::isfinite(similarity)) defined.push_back(similarity);
  }
  histogram.undefined = static_cast<std::int64_t>(trace.similarity.size() - defined.size());
  histogram.defined = static_cast<std::int64_t>(defined.size());

  // The threshold falls on the border of a bin, unless it leaves no room on either side.
  const double low = lowest_shown(defined, threshold);
  const auto wanted = static_cast<double>(about_bins);
  const double above = std::max(1.0, std::round(wanted * (1 - threshold) / (1 - low)));
  const bool aligned = threshold > low && threshold < 1;
  const double width = aligned ? (1 - threshold) / above : (1 - low) / wanted;
  const double below = aligned ? std::ceil((threshold - low) / width - 1e-9) : 0;
  histogram.low = aligned ? threshold - below * width : low;
  histogram.bins.assign(aligned ? static_cast<std::size_t>(below + above) : about_bins, 0);

  const auto last = static_cast<double>(histogram.bins.size() - 1);
  for (const float similarity : defined) {
    const auto value = static_cast<double>(similarity);
    // A value equal to the threshold is not above it, so bins hold their upper end.
    const double place = std::ceil((value - histogram.low) / width) - 1;
    ++histogram.bins[static_cast<std::size_t>(std::clamp(place, 0.0, last))];
    if (value > threshold) ++histogram.above_threshold;
  }
  return histogram;
}

BudgetCheck check_budget(const stream::Trace& trace) {
  BudgetCheck check;
  const auto& totals = trace.totals;
  const auto by_share =
      static_cast<std::int64_t>(std::nearbyint(trace.retain * static_cast<double>(totals.seen)));
  // Nobody can keep more than there was, whatever the budget.
  check.allowed = std::min(token_budget(trace).value_or(by_share), totals.seen);
  check.counted = row_count(trace);
  const auto rounding = trace.settings.find("rounding");
  check.exempt = rounding != trace.settings.end() && rounding->second == "parity";
  // Tokens of packets that were dropped as late count as kept, but have no row.
  check.holds = check.counted == totals.kept - totals.dropped_tokens &&
                totals.kept <= totals.available && totals.kept + totals.unspent == check.allowed;
  return check;
}

}  // namespace sluice::report
