// What went in, what came out, whether the budget was kept, and the settings.
#include <fmt/format.h>

#include <map>
#include <utility>
#include <vector>

#include "apps/report/html.h"
#include "apps/report/report_blocks.h"
#include "apps/report/report_sections.h"
#include "apps/report/trace_statistics.h"
#include "apps/report/units.h"

namespace sluice::report {
namespace {

using stream::Trace;

std::string facts(const Trace& trace) {
  std::vector<std::string> facts;
  const auto add = [&](std::string fact) { facts.push_back(std::move(fact)); };
  for (const stream::SourceTrace& source : trace.sources) {
    if (trace.sources.size() > 1) add("source " + source.source.id + ":");
    if (source.source.image_width > 0) {
      add(fmt::format("{} × {} pixels", source.source.image_width, source.source.image_height));
    }
    add(plural(source.frames(), "frame"));
    const double seconds = duration_seconds(source.pts);
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
  return fact_list(facts);
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

/// Every input token once: kept as it is, merged, or dropped.
std::string fate_bar(const Trace& trace) {
  const FateCounts fates = count_fates(trace);
  const std::int64_t all = fates.total();
  if (all == 0) return {};
  const std::int64_t merged_rows = row_count(trace) - fates[Fate::kept];
  return split_bar({{"kept", fates[Fate::kept], "kept as they are"},
                    {"merged", fates[Fate::merged], "merged into " + plural(merged_rows, "token")},
                    {"dropped", fates.dropped(), "dropped"}});
}

}  // namespace

std::string settings_section(const Trace& trace) {
  std::map<std::string, std::string> settings = trace.settings;
  settings.try_emplace("retain", fmt::format("{:g}", trace.retain));
  settings.try_emplace("tau", fmt::format("{:g}", trace.tau));
  return settings_section(settings);
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
