// What went in, what came out, and whether budget and log were kept to.
#include <fmt/format.h>

#include <vector>

#include "apps/report/html.h"
#include "apps/report/report_blocks.h"
#include "apps/report/tick_sections.h"
#include "apps/report/time_axis.h"
#include "apps/report/units.h"

namespace sluice::report {
namespace {

using policy::FeedbackFate;
using stream::TickTrace;

std::string share(std::int64_t part, std::int64_t whole) {
  return percent_text(static_cast<double>(part), static_cast<double>(whole));
}

std::string mean(std::int64_t sum, std::int64_t count) {
  return count > 0 ? number_text(static_cast<double>(sum) / static_cast<double>(count)) : "–";
}

std::string source_text(const stream::Source& source) {
  return source.grid_rows > 0
             ? fmt::format("{} {} × {}", source.id, source.grid_rows, source.grid_cols)
             : source.id;
}

std::string facts(const TickTrace& trace, const TickCounts& counts) {
  std::vector<std::string> facts{plural(counts.ticks, "tick")};
  const std::vector<double> times = times_of(trace);
  if (const double seconds = duration_seconds(times); seconds > 0) {
    facts.push_back(duration_text(seconds));
    facts.push_back(number_text(static_cast<double>(counts.ticks) / seconds) + " a second");
  }
  if (counts.episodes > 1) facts.push_back(plural(counts.episodes, "episode"));
  for (const auto& source : trace.sources) facts.push_back(source_text(source.source));
  facts.push_back(trace.is_log ? "from a tick log" : "from a recording, without a model");
  return fact_list(facts);
}

std::string tiles(const TickTrace& trace, const TickCounts& counts) {
  const std::int64_t answered = counts.of(FeedbackFate::applied);
  std::string out = "<div class=\"tiles four\">\n";
  out += tile("", "Offered", counts.offered, counts.offered,
              mean(counts.offered, counts.ticks) + " tokens a tick");
  out += tile("", "Available", counts.available, counts.offered,
              counts.available < counts.offered ? "within the caps" : "no cap was in the way");
  out += tile("is-kept", "Kept", counts.kept, counts.offered,
              mean(counts.kept, counts.ticks) + " a tick, " + share(counts.kept, counts.offered) +
                  " of all");
  out += tile("", "Ticks answered", answered, counts.ticks,
              trace.is_log ? plural(counts.feedback, "message") + " came"
                           : std::string("a recording has no model"));
  return out + "</div>\n";
}

std::string badge(bool is_good, std::string_view claim, std::string_view evidence) {
  return fmt::format("<div class=\"badge{}\"><b>{}</b><span>{}</span></div>\n",
                     is_good ? "" : " bad", claim, evidence);
}

std::string budget_badge(const TickCounts& counts) {
  const bool holds = counts.violations == 0;
  const std::string sent = count_text(counts.ok + counts.empty);
  std::string evidence = fmt::format(
      "{} of {} packets held exactly min(budget, available) tokens, {}; {} rows counted again.",
      count_text(counts.exact), sent, plural(counts.violations, "violation"),
      count_text(counts.rows));
  if (counts.failed > 0)
    evidence += fmt::format(" {} sent nothing.", plural(counts.failed, "tick"));
  return badge(holds, holds ? "✓ Exact budget" : "✗ Budget not kept", evidence);
}

std::string log_badge(const TickTrace& trace, const TickCounts& counts) {
  if (!trace.is_log || counts.compared == 0) return {};
  const bool holds = counts.different == 0;
  return badge(
      holds, holds ? "✓ As logged" : "✗ Not as logged",
      fmt::format("{} of {} ticks decided as they did when the log was written.",
                  count_text(counts.compared - counts.different), count_text(counts.compared)));
}

}  // namespace

std::string tick_headline_section(const TickTrace& trace, const TickCounts& counts) {
  return "<header>\n" + page_heading("Loop replay", trace.input) + facts(trace, counts) +
         "</header>\n" + tiles(trace, counts) + budget_badge(counts) + log_badge(trace, counts);
}

}  // namespace sluice::report
