#include "apps/report/comparison.h"

#include <fmt/format.h>

#include <algorithm>

#include "apps/report/html.h"
#include "apps/report/report_sections.h"
#include "apps/report/summary.h"
#include "apps/report/svg_plot.h"
#include "apps/report/trace_statistics.h"
#include "apps/report/units.h"

namespace sluice::report {
namespace {

using stream::Trace;

/// Plots of a page with many settings are coarser, so that the page stays small.
constexpr std::size_t comparison_columns = 240;

void require_comparable(std::span<const CompareEntry> entries, const Thumbnails& moments) {
  if (entries.empty()) {
    throw input_error("comparison", "there is nothing to compare", "at least one run");
  }
  for (const CompareEntry& entry : entries) {
    if (entry.trace == nullptr || entry.trace->sources.empty()) {
      throw input_error(concat("comparison, run '", entry.label, "'"), "its trace has no source",
                        "at least one source");
    }
    require_consistent(*entry.trace);
    const std::int64_t frames = entry.trace->sources.front().frames();
    const std::int64_t expected = entries.front().trace->sources.front().frames();
    if (frames != expected) {
      throw input_error(concat("comparison, run '", entry.label, "'"), concat(frames, " frames"),
                        concat(expected, ", as in the first run"));
    }
  }
  const std::int64_t frames = entries.front().trace->sources.front().frames();
  for (const auto& [frame, picture] : moments) {
    if (frame >= 0 && frame < frames) continue;
    throw input_error("comparison", concat("a picture of frame ", frame),
                      concat("one of ", frames, " frames"));
  }
}

double total_ms(const Trace& trace) {
  double total = 0;
  for (const auto& [stage, ms] : trace.stage_ms) total += ms;
  return total;
}

std::string split_cell(const FateCounts& fates) {
  std::string out = "<td class=\"wide\"><div class=\"mini tall\">";
  const auto part = [&](std::string_view css_class, std::int64_t count) {
    if (count > 0)
      out += fmt::format("<i class=\"{}\" style=\"flex:{} 1 1px\"></i>", css_class, count);
  };
  part("kept", fates[Fate::kept]);
  part("merged", fates[Fate::merged]);
  part("dropped", fates.dropped());
  return out + "</div></td>";
}

std::string table_row(const CompareEntry& entry) {
  const Trace& trace = *entry.trace;
  const auto& totals = trace.totals;
  const FateCounts fates = count_fates(trace);
  const auto seen = static_cast<double>(totals.seen);
  const double ms = total_ms(trace);
  const BudgetCheck check = check_budget(trace);
  const std::string_view verdict = check.exempt ? "parity" : check.holds ? "✓" : "✗";
  const auto all = static_cast<double>(fates.total());
  return fmt::format(
      "<tr><td><b>{}</b></td><td class=\"n\">{:g}</td><td class=\"n\">{:g}</td><td "
      "class=\"n\">{}</td>"
      "<td class=\"n\">{}</td><td class=\"n\"><b>{}</b></td><td class=\"n\">{}</td>"
      "<td class=\"n\">{}</td><td class=\"n\">{}</td>{}<td class=\"n\">{}</td><td "
      "class=\"n\">{}</td>"
      "</tr>\n",
      escape(entry.label), trace.retain, trace.tau,
      count_text(static_cast<std::int64_t>(trace.sources.front().segments.size())),
      count_text(totals.available), count_text(totals.kept),
      percent_text(static_cast<double>(totals.kept), seen),
      percent_text(static_cast<double>(fates[Fate::merged]), all),
      percent_text(static_cast<double>(fates.dropped()), all), split_cell(fates), verdict,
      ms > 0 ? number_text(1000 * static_cast<double>(totals.frames) / ms) : "–");
}

std::string table(std::span<const CompareEntry> entries) {
  std::string out =
      "<div class=\"card scroll\"><table><thead><tr><th>Setting</th><th class=\"n\">retain</th>"
      "<th class=\"n\">τ</th><th class=\"n\">Segments</th><th class=\"n\">Available</th>"
      "<th class=\"n\">Kept</th><th class=\"n\">of all</th><th class=\"n\">Merged</th>"
      "<th class=\"n\">Dropped</th><th>kept · merged · dropped</th><th class=\"n\">Budget</th>"
      "<th class=\"n\">Frames/s</th></tr></thead><tbody>\n";
  for (const CompareEntry& entry : entries) out += table_row(entry);
  return out + "</tbody></table></div>\n";
}

/// One plot per setting, all with the same axes.
std::string multiples(std::span<const CompareEntry> entries) {
  std::vector<TimeAxis> axes;
  for (const CompareEntry& entry : entries) {
    axes.emplace_back(entry.trace->sources.front().pts, comparison_columns);
  }
  std::vector<SourceView> views;
  double maximum = 0;
  for (std::size_t e = 0; e < entries.size(); ++e) {
    const Trace& trace = *entries[e].trace;
    views.push_back({trace.sources.front(), "", axes[e], trace.tau});
    maximum = std::max(maximum, kept_per_frame_maximum(views.back()));
  }
  std::string out = "<div class=\"multiples\">\n";
  for (std::size_t e = 0; e < entries.size(); ++e) {
    const std::string note = fmt::format("{} kept", count_text(entries[e].trace->totals.kept));
    out += "<div class=\"card timeline\">";
    out += kept_per_frame_panel(views[e], entries[e].label, note, 110, maximum);
    out += axis_html(axes[e].ticks()) + "</div>\n";
  }
  return out + "</div>\n";
}

/// A row per setting, a column per moment.
std::string moments_grid(std::span<const CompareEntry> entries, const Thumbnails& moments) {
  const stream::SourceTrace& first = entries.front().trace->sources.front();
  std::string out = fmt::format(
      "<div class=\"scroll\"><div class=\"moments\" "
      "style=\"grid-template-columns:minmax(6.5rem,auto) "
      "repeat({},minmax(7rem,1fr))\">\n<span></span>",
      moments.size());
  for (const auto& [frame, picture] : moments) {
    out += fmt::format("<span class=\"head\">{}</span>",
                       time_text(first.pts[static_cast<std::size_t>(frame)], 0.1));
  }
  for (const CompareEntry& entry : entries) {
    const stream::SourceTrace& trace = entry.trace->sources.front();
    out += fmt::format(
        "\n<span class=\"label\"><b>{}</b><br/><span class=\"note\">{} of all</span></span>",
        escape(entry.label),
        percent_text(static_cast<double>(entry.trace->totals.kept),
                     static_cast<double>(entry.trace->totals.seen)));
    for (const auto& [frame, picture] : moments) {
      out += fmt::format("<img alt=\"{} at {}\" src=\"{}\"/>", escape(entry.label),
                         time_text(trace.pts[static_cast<std::size_t>(frame)], 0.1),
                         kept_grid_uri(picture, trace, frame));
    }
  }
  return out + "\n</div></div>\n";
}

}  // namespace

std::string comparison_html(std::span<const CompareEntry> entries, const Thumbnails& moments) {
  require_comparable(entries, moments);
  const Trace& first = *entries.front().trace;
  const stream::SourceTrace& source = first.sources.front();
  std::string body = "<header>\n" + page_heading("compare", first.input);
  body += fmt::format(
      "<div class=\"facts\"><span>{} settings</span><span>{} frames</span><span>{}</span>"
      "<span>{} × {} tokens a frame</span><span>{} tokens seen</span></div></header>\n",
      entries.size(), count_text(source.frames()), duration_text(duration_seconds(source.pts)),
      source.source.grid_rows, source.source.grid_cols, count_text(first.totals.seen));
  body +=
      "<h2>In numbers</h2>\n<p>Available: tokens left after merging. Merged and dropped: shares "
      "of the input tokens.</p>\n" +
      table(entries);
  if (!moments.empty()) {
    body +=
        "<h2>The same moments</h2>\n<p>Kept tokens clear, merged ones blue, dropped ones dark."
        "</p>\n" +
        moments_grid(entries, moments);
  }
  if (source.frames() > 0) {
    body +=
        "<h2>Kept over time</h2>\n<p>Tokens kept per frame, on the same axes: "
        "<i class=\"swatch static\"></i>static, at their segment’s first frame, and "
        "<i class=\"swatch dynamic\"></i>dynamic.</p>\n" +
        multiples(entries);
  }
  body += fmt::format(
      "<footer>Made by Sluice {}. This page needs no network and holds no external "
      "resources.</footer>\n",
      sluice_version());
  return page("Sluice comparison: " + first.input, body);
}

void write_comparison(std::span<const CompareEntry> entries, const Thumbnails& moments,
                      const std::filesystem::path& path) {
  write_text(path, comparison_html(entries, moments));
}

}  // namespace sluice::report
