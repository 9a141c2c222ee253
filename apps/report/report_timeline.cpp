// Plots over time, one below the other on one axis, and the histogram of similarities.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "apps/report/heat_strip.h"
#include "apps/report/html.h"
#include "apps/report/readout.h"
#include "apps/report/report_sections.h"
#include "apps/report/svg_plot.h"
#include "apps/report/trace_statistics.h"
#include "apps/report/units.h"

namespace sluice::report {
namespace {

constexpr double no_value = std::numeric_limits<double>::quiet_NaN();

/// More segment borders than this would only grey the plots.
constexpr std::size_t max_segment_lines = 240;
/// More segments than this are sampled once per column.
constexpr std::size_t max_segment_bars = 2000;

/// Means per column of what count_by_frame() and redundant_share() count.
struct ColumnMeans {
  std::vector<double> static_rows, dynamic_rows, kept, merged, dropped, redundant;
};

double mean_redundant(const std::vector<double>& share, FrameRange frames) {
  // The last frame has no next one.
  const auto pairs = static_cast<std::int64_t>(share.size());
  const std::int64_t last = std::min(frames.last, pairs);
  if (frames.first >= last) return no_value;
  double sum = 0;
  for (std::int64_t f = frames.first; f < last; ++f) sum += share[static_cast<std::size_t>(f)];
  return sum / static_cast<double>(last - frames.first);
}

ColumnMeans column_means(const SourceView& view) {
  const std::vector<FrameCounts> frames = count_by_frame(view.trace);
  const std::vector<double> share = redundant_share(view.trace);
  ColumnMeans means;
  for (const FrameRange& column : view.axis.columns()) {
    FrameCounts sum;
    for (std::int64_t f = column.first; f < column.last; ++f) {
      const FrameCounts& frame = frames[static_cast<std::size_t>(f)];
      sum.static_rows += frame.static_rows;
      sum.dynamic_rows += frame.dynamic_rows;
      sum.fates += frame.fates;
    }
    const auto mean = [&](std::int64_t total) {
      return static_cast<double>(total) / static_cast<double>(column.size());
    };
    means.static_rows.push_back(mean(sum.static_rows));
    means.dynamic_rows.push_back(mean(sum.dynamic_rows));
    means.kept.push_back(mean(sum.fates[Fate::kept]));
    means.merged.push_back(mean(sum.fates[Fate::merged]));
    means.dropped.push_back(mean(sum.fates.dropped()));
    means.redundant.push_back(mean_redundant(share, column));
  }
  return means;
}

/// Lines where segments begin; red where the latency bound forced it.
std::string segment_lines(const SourceView& view, std::string_view css_class) {
  const auto& segments = view.trace.segments;
  if (segments.size() > max_segment_lines) return {};
  std::string out;
  for (std::size_t s = 1; s < segments.size(); ++s) {
    const bool forced = segments[s - 1].forced_cut;
    out += vertical_line(view.axis.place(segments[s].first), forced ? "forced" : css_class);
  }
  return out;
}

double highest_step(const ColumnMeans& means) {
  double highest = 0;
  for (std::size_t c = 0; c < means.kept.size(); ++c) {
    highest = std::max(highest, means.static_rows[c] + means.dynamic_rows[c]);
  }
  return round_maximum(highest);
}

Panel per_frame_panel(const SourceView& view, const ColumnMeans& means, std::string_view title,
                      std::string_view note, int height_px, double maximum) {
  Panel panel;
  panel.title = title;
  panel.note = note;
  panel.description = fmt::format("{}: tokens kept per frame, over time", title);
  panel.height_px = height_px;
  panel.maximum = maximum;
  panel.ticks = count_ticks(maximum);
  panel.content =
      stacked_steps({{"dynamic", means.dynamic_rows}, {"static", means.static_rows}}, maximum) +
      segment_lines(view, "cut");
  return panel;
}

std::string per_segment_panel(const SourceView& view) {
  const auto& segments = view.trace.segments;
  std::vector<Bar> static_bars, dynamic_bars;
  double highest = 0;
  const auto add = [&](const stream::TraceSegment& segment, double begin, double end) {
    const auto low = static_cast<double>(segment.dynamic_kept);
    const double high = low + static_cast<double>(segment.static_kept);
    dynamic_bars.push_back({begin, end, 0, low});
    static_bars.push_back({begin, end, low, high});
    highest = std::max(highest, high);
  };
  if (segments.size() <= max_segment_bars) {
    for (const auto& segment : segments) {
      add(segment, view.axis.place(segment.first), view.axis.place(segment.last + std::int64_t{1}));
    }
  } else {
    const auto& columns = view.axis.columns();
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const std::int64_t segment = segment_at(view.trace, columns[c].first);
      if (segment < 0) continue;
      const auto width = static_cast<double>(columns.size());
      add(segments[static_cast<std::size_t>(segment)], static_cast<double>(c) / width,
          static_cast<double>(c + 1) / width);
    }
  }
  Panel panel;
  panel.title = "Tokens kept per segment";
  panel.description = "Tokens kept per segment, over time";
  panel.legend = {{"static", "static"}, {"dynamic", "dynamic"}};
  panel.height_px = 110;
  panel.maximum = round_maximum(highest);
  panel.ticks = count_ticks(panel.maximum);
  panel.content = bars(dynamic_bars, "dynamic", panel.maximum) +
                  bars(static_bars, "static", panel.maximum) + segment_lines(view, "cut");
  return panel_html(panel);
}

std::string redundancy_panel(const SourceView& view, const ColumnMeans& means) {
  Panel panel;
  panel.title = "Redundant positions";
  panel.note =
      fmt::format("share whose similarity to the next frame is above τ = {:g}", view.threshold);
  panel.description = "Share of redundant positions per pair of frames, over time";
  panel.height_px = 90;
  panel.ticks = share_ticks();
  panel.content = stacked_steps({{"redundant", means.redundant}}, 1) + segment_lines(view, "cut");
  return panel_html(panel);
}

/// Where the picture's rows are: numbers of grid rows, from the top.
std::vector<ValueTick> position_ticks(const stream::Source& source) {
  const int rows = source.grid_rows;
  return {{1, "top"}, {0.5, rows > 2 ? fmt::format("row {}", rows / 2) : ""}, {0, "bottom"}};
}

std::string strip_panel(const SourceView& view, std::string_view title, std::string_view note,
                        std::vector<LegendEntry> legend, const stream::Image& strip) {
  Panel panel;
  panel.title = title;
  panel.note = note;
  panel.description = fmt::format("{}, by grid position and time", title);
  panel.legend = std::move(legend);
  panel.height_px = std::clamp(strip.height, 80, 200);
  panel.ticks = position_ticks(view.trace.source);
  panel.background = png_uri(strip);
  panel.content = segment_lines(view, "cut-strip");
  return panel_html(panel);
}

std::string fates_panel(const SourceView& view) {
  std::vector<LegendEntry> legend{
      {"strip-kept", "kept"}, {"strip-merged", "merged"}, {"strip-dropped", "dropped"}};
  const auto& assignment = view.trace.assignment;
  const bool any_fault = std::any_of(assignment.begin(), assignment.end(), [](std::int32_t row) {
    return row == static_cast<std::int32_t>(stream::DropReason::non_finite) ||
           row == static_cast<std::int32_t>(stream::DropReason::late);
  });
  if (any_fault) legend.push_back({"strip-fault", "late or not finite"});
  return strip_panel(view, "What became of each token", "", std::move(legend),
                     fate_strip(view.trace, view.axis));
}

/// Numbers for the script: one entry per column.
std::string readout_data(const SourceView& view, const ColumnMeans& means) {
  std::string segments;
  for (const FrameRange& column : view.axis.columns())
    segments +=
        fmt::format("{}{}", segments.empty() ? "" : ",", segment_at(view.trace, column.first));
  return readout_json(view.id, view.axis, view.trace.pts,
                      {{"kept", "", means.kept},
                       {"merged", "", means.merged},
                       {"dropped", "", means.dropped},
                       {"redundant", " %", scaled_values(means.redundant, 100)}},
                      "\"segment\":[" + segments + "],");
}

/// Ticks at powers of ten for an axis of log10(1 + count).
std::vector<ValueTick> decade_ticks(double maximum) {
  std::vector<ValueTick> ticks{{0, "0"}};
  const double step = maximum > 5 ? 2 : 1;
  for (double decade = step; decade <= maximum + 1e-9; decade += step) {
    ticks.push_back({decade, count_text(std::llround(std::pow(10.0, decade)))});
  }
  return ticks;
}

/// Round similarities, and τ, which pushes aside the labels that would touch its own.
std::vector<TimeAxis::Tick> similarity_ticks(double low, double threshold) {
  const double span = 1 - low;
  const double step = tick_step(span, 8);
  const int decimals = step < 0.1 ? 2 : 1;
  std::vector<TimeAxis::Tick> ticks;
  for (double value = std::ceil(low / step - 1e-9) * step; value <= 1 + 1e-9; value += step) {
    if (std::abs(value - threshold) / span < 0.06) continue;
    const double shown = std::abs(value) < step / 2 ? 0 : value;
    ticks.push_back({(value - low) / span, fmt::format("{:.{}f}", shown, decimals)});
  }
  ticks.push_back({(threshold - low) / span, fmt::format("τ = {:g}", threshold)});
  return ticks;
}

std::string histogram_figure(const Histogram& histogram, double threshold) {
  const double span = 1 - histogram.low;
  const auto bins = static_cast<double>(histogram.bins.size());
  std::vector<Bar> changed, redundant;
  double highest = 1;
  for (std::size_t b = 0; b < histogram.bins.size(); ++b) {
    const double begin = static_cast<double>(b) / bins;
    const double end = static_cast<double>(b + 1) / bins;
    const double height = std::log10(1 + static_cast<double>(histogram.bins[b]));
    highest = std::max(highest, height);
    const bool above = histogram.low + span * (begin + end) / 2 > threshold;
    (above ? redundant : changed).push_back({begin + 0.0012, end - 0.0012, 0, height});
  }
  Panel panel;
  panel.title = "Token pairs per similarity";
  panel.note = "logarithmic; the first bin takes everything below it";
  panel.description = "Histogram of similarities with the threshold marked";
  panel.legend = {{"merged", "redundant"}, {"dropped", "changed"}};
  panel.height_px = 150;
  panel.maximum = highest * 1.05;
  panel.ticks = decade_ticks(panel.maximum);
  panel.content = bars(changed, "dropped", panel.maximum) +
                  bars(redundant, "merged", panel.maximum) +
                  vertical_line((threshold - histogram.low) / span, "threshold");
  return "<div class=\"card timeline\">\n" + panel_html(panel) +
         axis_html(similarity_ticks(histogram.low, threshold)) + "</div>\n";
}

}  // namespace

double kept_per_frame_maximum(const SourceView& view) {
  return highest_step(column_means(view));
}

std::string kept_per_frame_panel(const SourceView& view, std::string_view title,
                                 std::string_view note, int height_px, double maximum) {
  const ColumnMeans means = column_means(view);
  return panel_html(per_frame_panel(view, means, title, note, height_px, maximum));
}

std::string timeline_section(const SourceView& view) {
  const ColumnMeans means = column_means(view);
  std::string out =
      "<h2>Over time</h2>\n<p>All plots share one time axis; thin lines are segment "
      "borders, red ones were forced by the latency bound. Point at a moment to read "
      "its numbers, double-click to jump to its segment.";
  out += gathered_note(view.axis, view.trace.pts.size());
  out += fmt::format("</p>\n<div class=\"card timeline\" data-source=\"{}\">\n", view.id);
  Panel per_frame =
      per_frame_panel(view, means, "Tokens kept per frame", "", 120, highest_step(means));
  per_frame.legend = {{"static", "static, at its segment’s first frame"}, {"dynamic", "dynamic"}};
  out += panel_html(per_frame);
  out += per_segment_panel(view);
  out += redundancy_panel(view, means);
  out += strip_panel(view, "Similarity to the next frame",
                     "a row per grid position, from top left to bottom right",
                     {{"sim-high", "redundant, darker is more alike"}, {"sim-low", "changed"}},
                     similarity_strip(view.trace, view.axis, view.threshold));
  out += fates_panel(view) + axis_html(view.axis.ticks());
  out += "<div class=\"cursor\"></div><div class=\"readout\" aria-hidden=\"true\"></div></div>\n";
  return out + readout_data(view, means);
}

std::string similarity_section(const SourceView& view) {
  constexpr std::size_t bins = 80;
  const Histogram histogram = similarity_histogram(view.trace, view.threshold, bins);
  std::string out = "<h2>How alike neighbouring frames are</h2>\n";
  if (histogram.defined == 0) {
    return out + "<p>No two frames could be compared.</p>\n";
  }
  const auto defined = static_cast<double>(histogram.defined);
  out += fmt::format(
      "<p>Cosine similarity of each token to the one at its place in the next frame: {} of {} are "
      "above τ = {:g} and count as redundant.{}</p>\n",
      percent_text(static_cast<double>(histogram.above_threshold), defined),
      count_text(histogram.defined), view.threshold,
      histogram.undefined == 0 ? ""
                               : fmt::format(" {} more are undefined (zero or non-finite tokens).",
                                             count_text(histogram.undefined)));
  return out + histogram_figure(histogram, view.threshold);
}

}  // namespace sluice::report
