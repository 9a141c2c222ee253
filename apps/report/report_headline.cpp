// What went in, what came out, whether the budget was kept, and the settings.
#include <fmt/format.h>

#include <algorithm>

#include "apps/report/html.h"
#include "apps/report/report_sections.h"
#include "apps/report/trace_statistics.h"
#include "apps/report/units.h"

namespace sluice::report {
namespace {

using stream::Trace;

std::string plural(std::int64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count_text(count), noun, count == 1 ? "" : "s");
}

std::string facts(const Trace& trace) {
  std::string out = "<div class=\"facts\">";
  const auto add = [&](const std::string& fact) {
    out += fmt::format("<span>{}</span>", escape(fact));
  };
  for (const stream::SourceTrace& source : trace.sources) {
    if (trace.sources.size() > 1) add("source " + source.source.id + ":");
    if (source.source.image_width > 0) {
      add(fmt::format("{} × {} pixels", source.source.image_width, source.source.image_height));
    }
    add(plural(source.frames(), "frame"));
    const double seconds = duration_seconds(source);
    if (seconds > 0) {
      add(duration_text(seconds));
      add(number_text(static_cast<double>(source.frames()) / seconds) + " frames/s");
    }
    add(fmt::format("{} × {} tokens a frame", source.source.grid_rows, source.source.grid_cols));
    add(plural(static_cast<std::int64_t>(source.segments.size()), "segment"));
  }
  add(fmt::format("retain {:g}, τ {:g}", trace.retain, trace.tau));
  add(trace.causal ? "causal: budget spent as segments ended"
                   : "offline: budget spread over the whole recording");
  return out + "</div>\n";
}

std::string tile(std::string_view css_class, std::string_view label, std::int64_t count,
                 std::int64_t seen, std::string_view meaning) {
  const double share =
      seen > 0 ? 100.0 * static_cast<double>(count) / static_cast<double>(seen) : 0.0;
  return fmt::format(
      "<div class=\"card tile {}\"><span class=\"eyebrow\">{}</span><b>{}</b>"
      "<span class=\"note\">{}</span><div class=\"of\"><i "
      "style=\"width:{:.3f}%\"></i></div></div>\n",
      css_class, label, count_text(count), meaning, std::clamp(share, 0.0, 100.0));
}

std::string tiles(const Trace& trace) {
  const auto& totals = trace.totals;
  const auto seen = static_cast<double>(totals.seen);
  std::string out = "<div class=\"tiles\">\n";
  out += tile("", "Seen", totals.seen, totals.seen, "tokens before any reduction");
  out += tile("", "Available", totals.available, totals.seen,
              percent_text(static_cast<double>(totals.available), seen) + " left after merging");
  out += tile("is-kept", "Kept", totals.kept, totals.seen,
              percent_text(static_cast<double>(totals.kept), seen) + " of all tokens");
  return out + "</div>\n";
}

std::string budget_badge(const Trace& trace) {
  const BudgetCheck check = check_budget(trace);
  const auto& totals = trace.totals;
  const bool by_number = trace.settings.contains("budget") && !trace.settings.at("budget").empty();
  const std::int64_t spent = totals.kept + totals.unspent;
  const std::string sum = fmt::format(
      "{} kept + {} unspent {} {}{} allowed", count_text(totals.kept), count_text(totals.unspent),
      spent == check.allowed ? "=" : "≠",
      by_number ? "" : fmt::format("rnd({} × {}) = ", trace.retain, count_text(totals.seen)),
      count_text(check.allowed));
  if (check.exempt) {
    return fmt::format(
        "<div class=\"badge\"><b>Parity rounding</b><span>{} tokens kept: a paper’s own counts, "
        "which the exact budget does not bind.</span></div>\n",
        count_text(totals.kept));
  }
  if (check.holds) {
    return fmt::format(
        "<div class=\"badge\"><b>✓ Exact budget</b><span>{}; {} output rows counted "
        "again for this page.</span></div>\n",
        escape(sum), count_text(check.counted));
  }
  return fmt::format(
      "<div class=\"badge bad\"><b>✗ Budget not kept</b><span>{}; {} output rows counted, {} "
      "available.</span></div>\n",
      escape(sum), count_text(check.counted), count_text(totals.available));
}

std::string key_entry(std::string_view css_class, std::int64_t count, std::int64_t all,
                      const std::string& meaning) {
  return fmt::format(
      "<p><i class=\"swatch {}\"></i><b>{}</b> <span class=\"note\">{}</span><br/>{}</p>\n",
      css_class, count_text(count),
      percent_text(static_cast<double>(count), static_cast<double>(all)), meaning);
}

/// Every input token once: kept as it is, merged, or dropped.
std::string fate_bar(const Trace& trace) {
  const FateCounts fates = count_fates(trace);
  const std::int64_t all = fates.total();
  if (all == 0) return {};
  const std::int64_t merged_rows = row_count(trace) - fates[Fate::kept];
  std::string out = "<div class=\"split\" role=\"img\" aria-label=\"";
  out += fmt::format("{} kept, {} merged, {} dropped\">", fates[Fate::kept], fates[Fate::merged],
                     fates.dropped());
  const auto part = [&](std::string_view css_class, std::int64_t count) {
    if (count > 0)
      out += fmt::format("<i class=\"{}\" style=\"flex:{} 1 2px\"></i>", css_class, count);
  };
  part("kept", fates[Fate::kept]);
  part("merged", fates[Fate::merged]);
  part("dropped", fates.dropped());
  out += "</div>\n<div class=\"key\">\n";
  out += key_entry("kept", fates[Fate::kept], all, "kept as they are");
  out +=
      key_entry("merged", fates[Fate::merged], all, "merged into " + plural(merged_rows, "token"));
  out += key_entry("dropped", fates.dropped(), all, "dropped");
  return out + "</div>\n";
}

}  // namespace

std::string settings_section(const Trace& trace) {
  std::string out =
      "<h2>Settings</h2>\n<p>Everything that decided what was kept.</p>\n"
      "<dl class=\"card settings\">\n";
  const auto add = [&](std::string_view name, std::string_view value) {
    out += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(name), escape(value));
  };
  if (!trace.settings.contains("retain")) add("retain", fmt::format("{:g}", trace.retain));
  if (!trace.settings.contains("tau")) add("tau", fmt::format("{:g}", trace.tau));
  for (const auto& [name, value] : trace.settings) add(name, value.empty() ? "–" : value);
  return out + "</dl>\n";
}

std::string headline_section(const Trace& trace) {
  return "<header>\n" + page_heading("replay", trace.input) + facts(trace) + "</header>\n" +
         tiles(trace) + budget_badge(trace);
}

std::string fates_section(const Trace& trace) {
  return "<h2>What became of the tokens</h2>\n<p>Each input token is counted once. Merged tokens "
         "are "
         "positions that stayed the same through a segment: they live on in an average.</p>\n" +
         fate_bar(trace);
}

}  // namespace sluice::report
