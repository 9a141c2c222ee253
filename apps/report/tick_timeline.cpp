// Plots over time, one below the other on one axis.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "apps/report/html.h"
#include "apps/report/readout.h"
#include "apps/report/report_sections.h"
#include "apps/report/svg_plot.h"
#include "apps/report/tick_sections.h"
#include "apps/report/tick_strips.h"
#include "apps/report/time_axis.h"
#include "apps/report/units.h"

namespace sluice::report {
namespace {

using stream::TickTrace;
using stream::TickTraceSource;

constexpr std::string_view timeline_id = "ticks";
constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
/// More episode borders than this would only grey the plots.
constexpr std::size_t max_episode_lines = 240;
/// Sources by their place; more than these share the last one.
constexpr std::array source_classes{"kept",       "merged",      "by-surface", "by-novelty",
                                    "by-refresh", "by-coverage", "dropped"};

const char* source_class(std::size_t source) noexcept {
  return source_classes[std::min(source, source_classes.size() - 1)];
}

/// The mean of the values in each column, without those that are NaN.
std::vector<double> column_means(const TimeAxis& axis, const std::vector<double>& values) {
  std::vector<double> means;
  for (const FrameRange& column : axis.columns()) {
    double sum = 0, count = 0;
    for (auto t = static_cast<std::size_t>(column.first); t < static_cast<std::size_t>(column.last);
         ++t) {
      if (std::isnan(values[t])) continue;
      sum += values[t];
      ++count;
    }
    means.push_back(count > 0 ? sum / count : nothing);
  }
  return means;
}

template <typename ValueOf>
std::vector<double> by_tick(const TickTrace& trace, ValueOf&& value_of) {
  std::vector<double> values;
  for (std::size_t t = 0; t < trace.ticks.size(); ++t)
    values.push_back(static_cast<double>(value_of(t)));
  return values;
}

double highest(const std::vector<double>& values) {
  double highest = 0;
  for (const double value : values)
    if (!std::isnan(value)) highest = std::max(highest, value);
  return highest;
}

std::vector<double> sums(const std::vector<Series>& series) {
  std::vector<double> sums(series.front().values.size(), 0.0);
  for (const Series& layer : series)
    for (std::size_t c = 0; c < sums.size(); ++c) sums[c] += layer.values[c];
  return sums;
}

/// Thin lines where episodes begin.
std::string episode_lines(const TickTrace& trace, const TimeAxis& axis,
                          std::string_view css_class = "cut") {
  const std::vector<std::int64_t> starts = episode_starts(trace);
  if (starts.size() > max_episode_lines) return {};
  std::string lines;
  for (const std::int64_t tick : starts) lines += vertical_line(axis.place(tick), css_class);
  return lines;
}

struct Timeline {
  const TickTrace& trace;
  TimeAxis axis;
  std::vector<double> budget, available, age, latency, turnover;  // [columns]
  std::vector<Series> kept;                                       // per source
};

Timeline make_timeline(const TickTrace& trace, std::span<const double> times) {
  Timeline line{trace, TimeAxis(times, max_plot_columns), {}, {}, {}, {}, {}, {}};
  const auto means = [&](const std::vector<double>& values) {
    return column_means(line.axis, values);
  };
  line.budget = means(by_tick(trace, [&](std::size_t t) { return trace.ticks[t].budget; }));
  line.available = means(by_tick(trace, [&](std::size_t t) { return trace.ticks[t].available; }));
  line.age = means(feedback_age(trace));
  line.latency = means(latency_by_tick(trace));
  line.turnover = scaled_values(means(turnover(trace)), 100);
  for (std::size_t s = 0; s < trace.sources.size(); ++s)
    line.kept.push_back({source_class(s), means(by_tick(trace, [&](std::size_t t) {
                           return trace.sources[s].kept(t);
                         }))});
  return line;
}

Panel kept_panel(const Timeline& line) {
  Panel panel;
  panel.title = "Budget and tokens kept";
  panel.description = "Tokens kept per tick by source, and the budget, over time";
  panel.height_px = 140;
  panel.maximum = round_maximum(std::max(highest(sums(line.kept)), highest(line.budget)));
  panel.ticks = count_ticks(panel.maximum);
  for (std::size_t s = 0; s < line.kept.size(); ++s)
    panel.legend.push_back({line.kept[s].css_class, line.trace.sources[s].source.id});
  panel.legend.push_back({"line", "budget"});
  panel.content = stacked_steps(line.kept, panel.maximum) +
                  step_line(line.budget, "threshold", panel.maximum) +
                  episode_lines(line.trace, line.axis);
  return panel;
}

Panel plain_panel(const Timeline& line, std::string_view title, std::string_view note,
                  const std::vector<double>& values, std::string_view unit) {
  Panel panel;
  panel.title = title;
  panel.note = note;
  panel.description = fmt::format("{}, over time", title);
  panel.height_px = 80;
  panel.maximum = round_maximum(highest(values));
  panel.ticks = {{0, fmt::format("0{}", unit)},
                 {panel.maximum, fmt::format("{:g}{}", panel.maximum, unit)}};
  panel.content =
      stacked_steps({{"redundant", values}}, panel.maximum) + episode_lines(line.trace, line.axis);
  return panel;
}

Panel latency_panel(const Timeline& line) {
  const std::vector<double> deadline =
      column_means(line.axis, by_tick(line.trace, [&](std::size_t t) {
                     const double ms = line.trace.ticks[t].deadline_ms;
                     return ms > 0 && std::isfinite(ms) ? ms : nothing;
                   }));
  Panel panel = plain_panel(line, "Model latency", "as the model says, when its answer came",
                            line.latency, " ms");
  panel.height_px = 100;
  panel.maximum = round_maximum(std::max(highest(line.latency), highest(deadline)));
  panel.ticks = {{0, "0 ms"}, {panel.maximum, fmt::format("{:g} ms", panel.maximum)}};
  panel.content = stacked_steps({{"redundant", line.latency}}, panel.maximum) +
                  step_line(deadline, "threshold", panel.maximum) +
                  episode_lines(line.trace, line.axis);
  if (highest(deadline) > 0) panel.legend = {{"line", "deadline"}};
  return panel;
}

Panel strip_panel(const Timeline& line, const TickTraceSource& source, std::string_view title,
                  std::string_view note, std::vector<LegendEntry> legend,
                  const stream::Image& strip) {
  Panel panel;
  panel.title = fmt::format("{}: {}", source.source.id, title);
  panel.note = note;
  panel.description = fmt::format("{}, {}, by grid position and time", source.source.id, title);
  panel.legend = std::move(legend);
  panel.height_px = std::clamp(strip.height, 100, 200);
  const int rows = source.source.grid_rows;
  panel.ticks = {{1, "top"}, {0.5, rows > 2 ? fmt::format("row {}", rows / 2) : ""}, {0, "bottom"}};
  panel.background = png_uri(strip);
  panel.content = episode_lines(line.trace, line.axis, "cut-strip");
  return panel;
}

/// The reasons that a source's tokens were kept for.
std::vector<LegendEntry> reason_legend(const TickTraceSource& source) {
  std::vector<LegendEntry> legend;
  for (const ReasonStyle& style : tick_reasons())
    if (std::find(source.reason.begin(), source.reason.end(),
                  static_cast<std::uint8_t>(style.reason)) != source.reason.end())
      legend.push_back({std::string(style.css_class), std::string(style.name)});
  legend.push_back({"strip-dropped", "not kept"});
  const bool has_gaps =
      std::find(source.offered.begin(), source.offered.end(), 0) != source.offered.end() ||
      std::any_of(source.action.begin(), source.action.end(),
                  [](float score) { return std::isnan(score); });
  if (has_gaps) legend.push_back({"strip-none", "nothing there"});
  return legend;
}

std::string strips(const Timeline& line) {
  std::string out;
  for (const TickTraceSource& source : line.trace.sources) {
    if (source.source.positions() == 0) continue;
    out += panel_html(strip_panel(line, source, "kept", "a row per grid position",
                                  reason_legend(source), kept_strip(source, line.axis)));
    if (has_action(source))
      out += panel_html(strip_panel(line, source, "history", "what the last actions looked at",
                                    {{"looked", "not at all … most"}},
                                    action_strip(source, line.axis)));
  }
  return out;
}

std::string numbers(const Timeline& line, std::span<const double> times) {
  std::vector<ReadoutSeries> series{{"budget", "", line.budget}, {"available", "", line.available}};
  // Names may hold whatever a source id may: letters, digits, _ . and -.
  for (std::size_t s = 0; s < line.kept.size(); ++s)
    series.push_back({line.trace.sources[s].source.id, "", line.kept[s].values});
  series.push_back({"new", " %", line.turnover});
  series.push_back({"feedback age", "", line.age});
  series.push_back({"model", " ms", line.latency});
  return readout_json(timeline_id, line.axis, times, series, {}, "tick");
}

}  // namespace

std::string tick_timeline_section(const TickTrace& trace) {
  if (trace.ticks.size() < 2 || trace.sources.empty()) return {};
  const std::vector<double> times = times_of(trace);
  const Timeline line = make_timeline(trace, times);
  std::string out = fmt::format(
      "<h2>Over time</h2>\n<p>All plots share one time axis, the tick clock{}. Point at a moment "
      "to "
      "read its numbers.{}</p>\n<div class=\"card timeline\" data-source=\"{}\">\n",
      episode_starts(trace).empty() ? "" : "; thin lines are episode borders",
      gathered_note(line.axis, times.size(), "tick"), timeline_id);
  out += panel_html(kept_panel(line));
  out += panel_html(plain_panel(line, "New tokens",
                                "share of the kept that the packet before did not hold",
                                line.turnover, " %"));
  out += strips(line);
  if (highest(line.age) > 0)
    out += panel_html(plain_panel(line, "Feedback age",
                                  "ticks since the newest one that the model has answered",
                                  line.age, ""));
  if (highest(line.latency) > 0) out += panel_html(latency_panel(line));
  out += axis_html(line.axis.ticks());
  out += "<div class=\"cursor\"></div><div class=\"readout\" aria-hidden=\"true\"></div></div>\n";
  return out + numbers(line, times);
}

}  // namespace sluice::report
