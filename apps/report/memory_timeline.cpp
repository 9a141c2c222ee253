// Plots over the time of the video: where the tokens are, and how the memory filled.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "apps/report/memory_sections.h"
#include "apps/report/readout.h"
#include "apps/report/report_sections.h"
#include "apps/report/svg_plot.h"
#include "apps/report/time_axis.h"
#include "apps/report/units.h"

namespace sluice::report {
namespace {

using temporal::MemoryChapter;

constexpr std::string_view timeline_id = "memory";
/// More chapter borders than this would only grey the plots.
constexpr std::size_t max_chapter_lines = 240;
/// More chapters than this are too narrow for a bar each.
constexpr std::size_t max_chapter_bars = 2000;

/// What plots count tokens by: as much time as people would, for a video of this length.
struct Unit {
  double seconds = 1;
  std::string_view name;
};

Unit unit_for(double video_seconds) {
  if (video_seconds <= 120) return {1, "second"};
  if (video_seconds <= 48 * 3600) return {60, "minute"};
  return {3600, "hour"};
}

/// The video in columns of equal length, and what belongs to each.
struct Columns {
  double begin = 0, length = 0;            // seconds, of the video
  std::vector<double> times;               // [columns] where they begin
  std::vector<double> came, held, recent;  // [columns] tokens
  std::vector<double> fill, chapters;      // [columns] of the memory at their end; NaN before

  [[nodiscard]] double place(double pts) const { return (pts - begin) / length; }
  [[nodiscard]] double width() const { return length / static_cast<double>(times.size()); }
};

/// Adds `count`, spread evenly over [begin, end) (shares of the axis), to the columns under it.
void spread(std::vector<double>& columns, double begin, double end, double count) {
  const auto size = static_cast<double>(columns.size());
  const double from = std::clamp(begin, 0.0, 1.0) * size;
  const double to = std::max(std::clamp(end, 0.0, 1.0) * size, from + 1e-9);
  for (auto c = static_cast<std::size_t>(from); c < columns.size(); ++c) {
    const double overlap =
        std::min(to, static_cast<double>(c + 1)) - std::max(from, static_cast<double>(c));
    if (overlap <= 0) break;
    columns[c] += count * overlap / (to - from);
  }
}

/// Where the chapter ends: where the next one begins.
double end_of(const MemoryTrace& trace, const Columns& columns, std::size_t chapter) {
  return chapter + 1 < trace.chapters.size() ? columns.place(trace.chapters[chapter + 1].first_pts)
                                             : 1.0;
}

void add_history(const MemoryTrace& trace, Columns& columns) {
  const auto& moments = trace.history.moments();
  std::size_t next = 0;
  for (std::size_t c = 0; c < columns.times.size(); ++c) {
    const double end = columns.times[c] + columns.width();
    while (next < moments.size() && moments[next].pts < end) ++next;
    const bool known = next > 0;
    constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
    columns.fill.push_back(known ? static_cast<double>(moments[next - 1].held) : nothing);
    columns.chapters.push_back(known ? static_cast<double>(moments[next - 1].chapters) : nothing);
  }
}

Columns make_columns(const MemoryTrace& trace) {
  Columns columns;
  columns.begin = trace.chapters.front().first_pts;
  columns.length = remembered_seconds(trace);
  const std::size_t count =
      std::min(max_plot_columns, static_cast<std::size_t>(trace.totals.frames));
  for (std::size_t c = 0; c < count; ++c)
    columns.times.push_back(columns.begin +
                            columns.length * static_cast<double>(c) / static_cast<double>(count));
  columns.came.resize(count);
  columns.held.resize(count);
  columns.recent.resize(count);
  for (std::size_t i = 0; i < trace.chapters.size(); ++i) {
    const MemoryChapter& chapter = trace.chapters[i];
    const double begin = columns.place(chapter.first_pts);
    const double end = end_of(trace, columns, i);
    const auto tokens = static_cast<double>(chapter.tokens);
    spread(columns.came, begin, end, static_cast<double>(chapter.arrived));
    spread(columns.held, begin, end, tokens);
    if (chapter.recent) spread(columns.recent, begin, end, tokens);
  }
  add_history(trace, columns);
  return columns;
}

std::string chapter_lines(const MemoryTrace& trace, const Columns& columns) {
  if (trace.chapters.size() > max_chapter_lines) return {};
  std::string lines;
  for (std::size_t i = 1; i < trace.chapters.size(); ++i)
    lines += vertical_line(columns.place(trace.chapters[i].first_pts), "cut");
  return lines;
}

/// For a logarithmic axis on which nothing is 0.
double magnitude(double count) {
  return std::log10(1 + count);
}

std::vector<ValueTick> magnitude_ticks(double maximum) {
  std::vector<ValueTick> ticks{{0, "0"}};
  const int step = maximum > 4 ? 2 : 1;
  for (int decade = step; decade <= maximum + 1e-9; decade += step) {
    const double value = std::pow(10.0, decade);
    ticks.push_back({magnitude(value), count_text(std::llround(value))});
  }
  return ticks;
}

std::vector<double> per_unit(const Columns& columns, const std::vector<double>& counts,
                             const Unit& unit) {
  return scaled_values(counts, unit.seconds / columns.width());
}

std::string density_panel(const MemoryTrace& trace, const Columns& columns, const Unit& unit) {
  const std::vector<double> came = per_unit(columns, columns.came, unit);
  const std::vector<double> held = per_unit(columns, columns.held, unit);
  std::vector<double> above, older, recent;  // one column has one colour
  double highest = 1;
  for (std::size_t c = 0; c < held.size(); ++c) {
    const bool is_recent = columns.recent[c] > columns.held[c] / 2;
    older.push_back(is_recent ? 0 : magnitude(held[c]));
    recent.push_back(is_recent ? magnitude(held[c]) : 0);
    above.push_back(std::max(0.0, magnitude(came[c]) - magnitude(held[c])));
    highest = std::max({highest, magnitude(came[c]), magnitude(held[c])});
  }
  Panel panel;
  panel.title = fmt::format("Tokens per {}", unit.name);
  panel.note = "logarithmic";
  panel.description = fmt::format("Tokens held per {} of the video, and how many came", unit.name);
  panel.legend = {{"kept", "held as they came"}, {"merged", "held, merged"}, {"dropped", "came"}};
  panel.height_px = 150;
  panel.maximum = highest * 1.05;
  panel.ticks = magnitude_ticks(panel.maximum);
  panel.content =
      stacked_steps({{"merged", older}, {"kept", recent}, {"dropped", above}}, panel.maximum) +
      chapter_lines(trace, columns);
  return panel_html(panel);
}

std::string chapter_panel(const MemoryTrace& trace, const Columns& columns) {
  if (trace.chapters.size() > max_chapter_bars) return {};
  std::vector<Bar> older, recent;
  double highest = 1;
  for (std::size_t i = 0; i < trace.chapters.size(); ++i) {
    const MemoryChapter& chapter = trace.chapters[i];
    const double tokens = magnitude(static_cast<double>(chapter.tokens));
    (chapter.recent ? recent : older)
        .push_back({columns.place(chapter.first_pts), end_of(trace, columns, i), 0, tokens});
    highest = std::max(highest, tokens);
  }
  Panel panel;
  panel.title = "Tokens per chapter";
  panel.note = "logarithmic";
  panel.description = "Tokens held per chapter, over the time of the video";
  panel.height_px = 100;
  panel.maximum = highest * 1.05;
  panel.ticks = magnitude_ticks(panel.maximum);
  panel.content = bars(older, "merged", panel.maximum) + bars(recent, "kept", panel.maximum) +
                  chapter_lines(trace, columns);
  return panel_html(panel);
}

std::string fill_panel(const MemoryTrace& trace, const Columns& columns) {
  Panel panel;
  panel.title = "How full the memory was";
  panel.note = "when the video was there";
  panel.description = "Tokens in the memory as the video went on, and its budget";
  panel.legend = {{"line", "budget"}};
  panel.height_px = 100;
  panel.maximum = round_maximum(1.05 * static_cast<double>(trace.budget));
  panel.ticks = count_ticks(panel.maximum);
  panel.content =
      stacked_steps({{"redundant", columns.fill}}, panel.maximum) +
      step_line(std::vector<double>(columns.fill.size(), static_cast<double>(trace.budget)),
                "threshold", panel.maximum);
  return panel_html(panel);
}

std::string numbers(const Columns& columns, const TimeAxis& axis, const Unit& unit) {
  const std::string per = fmt::format(" a {}", unit.name);
  return readout_json(timeline_id, axis, columns.times,
                      {{"came", per, per_unit(columns, columns.came, unit)},
                       {"held", per, per_unit(columns, columns.held, unit)},
                       {"memory then", "", columns.fill},
                       {"chapters then", "", columns.chapters}},
                      {}, "moment");
}

}  // namespace

std::string memory_timeline_section(const MemoryTrace& trace) {
  if (trace.totals.frames < 2 || !(remembered_seconds(trace) > 0)) return {};
  const Columns columns = make_columns(trace);
  const TimeAxis axis(columns.times, columns.times.size());
  const Unit unit = unit_for(columns.length);
  std::string out = fmt::format(
      "<h2>Over time</h2>\n<p>All plots share one axis, the time of the video{}. Point at a moment "
      "to read its numbers.</p>\n<div class=\"card timeline\" data-source=\"{}\">\n",
      trace.chapters.size() <= max_chapter_lines ? "; thin lines are chapter borders" : "",
      timeline_id);
  out += density_panel(trace, columns, unit) + chapter_panel(trace, columns) +
         fill_panel(trace, columns) + axis_html(axis.ticks());
  out += "<div class=\"cursor\"></div><div class=\"readout\" aria-hidden=\"true\"></div></div>\n";
  return out + numbers(columns, axis, unit);
}

}  // namespace sluice::report
