// Plots over time, one below the other on one axis.
#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "apps/report/readout.h"
#include "apps/report/report_sections.h"
#include "apps/report/spatial_sections.h"
#include "apps/report/svg_plot.h"
#include "apps/report/time_axis.h"
#include "apps/report/units.h"

namespace sluice::report {
namespace {

using stream::SpatialTrace;
using stream::SpatialTraceFrame;

constexpr std::string_view timeline_id = "frames";

/// The mean of a property over the frames of each column.
template <typename ValueOf>
std::vector<double> column_means(const SpatialTrace& trace, const TimeAxis& axis,
                                 ValueOf&& value_of) {
  std::vector<double> means;
  for (const FrameRange& column : axis.columns()) {
    double sum = 0;
    for (std::int64_t f = column.first; f < column.last; ++f)
      sum += static_cast<double>(value_of(trace.frames[static_cast<std::size_t>(f)]));
    means.push_back(sum / static_cast<double>(column.size()));
  }
  return means;
}

/// Series on top of each other, and what their sum reaches.
Panel stacked_panel(std::string_view title, std::string_view note, std::vector<Series> series,
                    std::vector<std::string> labels, int height_px) {
  double highest = 0;
  for (std::size_t c = 0; !series.empty() && c < series.front().values.size(); ++c) {
    double sum = 0;
    for (const Series& layer : series) sum += layer.values[c];
    highest = std::max(highest, sum);
  }
  Panel panel;
  panel.title = title;
  panel.note = note;
  panel.description = fmt::format("{}, over time", title);
  for (std::size_t i = 0; i < series.size(); ++i)
    panel.legend.push_back({series[i].css_class, std::move(labels[i])});
  panel.height_px = height_px;
  panel.maximum = round_maximum(highest);
  panel.ticks = count_ticks(panel.maximum);
  panel.content = stacked_steps(series, panel.maximum);
  return panel;
}

Panel turnover_panel(const std::vector<double>& percent, const SpatialCounts& counts) {
  Panel panel = stacked_panel("Turnover", "", {{"redundant", percent}}, {""}, 90);
  panel.legend.clear();
  panel.note = fmt::format(
      "tokens exchanged although they could have stayed, of those kept; {} a frame on average",
      percent_text(counts.mean_turnover, 1));
  panel.maximum = std::max(panel.maximum, 1.0);
  panel.content = stacked_steps({{"redundant", percent}}, panel.maximum);
  panel.ticks = {{0, "0 %"}, {panel.maximum, fmt::format("{:g} %", panel.maximum)}};
  return panel;
}

}  // namespace

std::string spatial_timeline_section(const SpatialTrace& trace, const SpatialCounts& counts) {
  if (trace.frames.size() < 2) return {};
  const std::vector<double> pts = times_of(trace);
  const TimeAxis axis(pts, max_plot_columns);
  const auto means = [&](auto&& value_of) { return column_means(trace, axis, value_of); };
  using F = SpatialTraceFrame;
  const auto kept = means([](const F& f) { return f.kept; });
  const auto not_kept = means([](const F& f) { return f.voxels - f.kept; });
  const auto added = means([](const F& f) { return f.added; });
  const auto duplicates =
      means([](const F& f) { return std::max<std::int64_t>(0, f.placed - f.added); });
  const auto unplaced = means([](const F& f) { return f.patches - f.placed; });
  const auto changed = means([](const F& f) { return f.changed; });
  const auto seen_through = means([](const F& f) { return f.seen_through; });
  const auto evicted = means([](const F& f) { return f.evicted; });
  const auto turnover = means([](const F& f) { return 100 * f.turnover; });

  std::string out = fmt::format(
      "<h2>Over time</h2>\n<p>All plots share one time axis. Point at a moment to read its "
      "numbers.{}</p>\n<div class=\"card timeline\" data-source=\"{}\">\n",
      gathered_note(axis, pts.size()), timeline_id);
  out += panel_html(stacked_panel("Voxels in the map", "", {{"kept", kept}, {"dropped", not_kept}},
                                  {"kept as tokens", "not kept"}, 130));
  out += panel_html(
      stacked_panel(is_cloud(trace) ? "Elements per frame" : "Patches per frame", "",
                    {{"by-novelty", added}, {"merged", duplicates}, {"dropped", unplaced}},
                    {"new surfaces", "near-duplicates", "without a place"}, 110));
  out += panel_html(
      stacked_panel("Voxels that changed", "", {{"by-novelty", changed}}, {"features moved"}, 80));
  out += panel_html(stacked_panel("Voxels removed", "",
                                  {{"fault", seen_through}, {"dropped", evicted}},
                                  {"seen through", "evicted"}, 80));
  out += panel_html(turnover_panel(turnover, counts)) + axis_html(axis.ticks());
  out += "<div class=\"cursor\"></div><div class=\"readout\" aria-hidden=\"true\"></div></div>\n";
  return out + readout_json(timeline_id, axis, pts,
                            {{"kept", "", kept},
                             {"not kept", "", not_kept},
                             {"new", "", added},
                             {"changed", "", changed},
                             {"seen through", "", seen_through},
                             {"evicted", "", evicted},
                             {"turnover", " %", turnover}});
}

}  // namespace sluice::report
