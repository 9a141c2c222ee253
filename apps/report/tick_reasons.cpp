// Why tokens were kept, what became of the model's answers, what was odd, and how to read the
// files.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "apps/report/html.h"
#include "apps/report/report_blocks.h"
#include "apps/report/summary.h"
#include "apps/report/tick_sections.h"
#include "apps/report/units.h"

namespace sluice::report {
namespace {

using policy::FeedbackFate;
using stream::TickTrace;

std::int64_t kept_for(const stream::TickTraceSource& source, const ReasonStyle& style) {
  return std::count_if(source.reason.begin(), source.reason.end(), [&](std::uint8_t reason) {
    return tick_style_of(reason).reason == style.reason;
  });
}

std::string reasons_table(const TickTrace& trace, const TickCounts& counts) {
  std::string out =
      "<div class=\"card scroll\"><table><thead><tr><th>Reason</th><th class=\"n\">Tokens</th>"
      "<th class=\"n\">Of the kept</th><th></th>";
  const bool has_columns = trace.sources.size() > 1;
  for (const auto& source : trace.sources)
    if (has_columns) out += fmt::format("<th class=\"n\">{}</th>", escape(source.source.id));
  out += "</tr></thead><tbody>\n";
  for (const ReasonStyle& style : tick_reasons()) {
    const std::int64_t tokens = counts.kept_for[static_cast<std::size_t>(style.reason)];
    if (tokens == 0) continue;
    const auto part = static_cast<double>(tokens), whole = static_cast<double>(counts.kept);
    out += fmt::format(
        "<tr><td>{}<small>{}</small></td><td class=\"n\">{}</td><td class=\"n\">{}</td>"
        "<td class=\"wide\">{}</td>",
        style.name, style.meaning, count_text(tokens), percent_text(part, whole),
        meter(style.css_class, part, whole));
    for (const auto& source : trace.sources)
      if (has_columns)
        out += fmt::format("<td class=\"n\">{}</td>", count_text(kept_for(source, style)));
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::string latency_sentence(const ModelLatency& latency) {
  if (latency.answers == 0) return {};
  std::string text =
      fmt::format("The model took {} in the median, {} in 95 of 100 answers, {} at most",
                  duration_text(latency.median_ms / 1000), duration_text(latency.p95_ms / 1000),
                  duration_text(latency.highest_ms / 1000));
  return text + (latency.missed > 0
                     ? fmt::format("; {} missed the deadline.", plural(latency.missed, "answer"))
                     : std::string("."));
}

std::string fates_table(const TickCounts& counts) {
  std::string out =
      "<div class=\"card scroll\"><table><thead><tr><th>Message</th><th class=\"n\">Count</th>"
      "<th class=\"n\">Of all</th><th></th></tr></thead><tbody>\n";
  for (std::size_t i = 0; i < policy::feedback_fates; ++i) {
    const auto fate = static_cast<FeedbackFate>(i);
    const std::int64_t messages = counts.by_fate[i];
    std::string name(fate_key(fate));
    std::replace(name.begin(), name.end(), '_', ' ');
    name.front() = static_cast<char>(name.front() - 'a' + 'A');
    const auto part = static_cast<double>(messages), whole = static_cast<double>(counts.feedback);
    out += fmt::format(
        "<tr{}><td>{}<small>{}</small></td><td class=\"n\">{}</td><td class=\"n\">{}</td>"
        "<td class=\"wide\">{}</td></tr>\n",
        messages == 0 ? " class=\"none\"" : "", name, fate_meaning(fate), count_text(messages),
        percent_text(part, whole),
        meter(fate == FeedbackFate::applied ? "merged" : "fault", part, whole));
  }
  return out + "</tbody></table></div>\n";
}

}  // namespace

std::string tick_reasons_section(const TickTrace& trace, const TickCounts& counts) {
  if (counts.rows == 0) return {};
  return "<h2>Why tokens were kept</h2>\n<p>In all packets together. Each was chosen for one "
         "reason, the first that applied.</p>\n" +
         reasons_table(trace, counts);
}

std::string tick_feedback_section(const TickTrace& trace, const TickCounts& counts) {
  if (!trace.is_log) return {};
  std::string out = "<h2>What the model told back</h2>\n";
  if (counts.feedback == 0) return out + "<p>No message came.</p>\n";
  return out +
         fmt::format("<p>Only what was applied changed anything. {} {} without an answer.</p>\n",
                     latency_sentence(model_latency(trace)),
                     plural(trace.unanswered, "packet") +
                         (trace.unanswered == 1 ? " was forgotten" : " were forgotten")) +
         fates_table(counts);
}

std::string tick_incidents_section(const TickTrace& trace, const TickCounts& counts) {
  std::vector<std::string> lines;
  if (counts.empty > 0)
    lines.push_back(plural(counts.empty, "tick") + " without any token: no input had one.");
  if (trace.non_finite > 0)
    lines.push_back(plural(trace.non_finite, "token") +
                    " with NaN or infinity: kept only where nothing else was left.");
  lines.insert(lines.end(), trace.notes.begin(), trace.notes.end());
  return "<h2>What was odd</h2>\n" +
         note_list(lines, "Nothing was skipped, every tick had tokens.");
}

std::string tick_footer_section() {
  return fmt::format(
      "<h2>Reading the packets</h2>\n<p><code>packets</code>, beside this page, holds one file per "
      "packet, the bytes that went to the model (but for the time of sending).</p>\n"
      "<pre>from safetensors.numpy import load_file\n\n"
      "packet = load_file(\"packets/000000.safetensors\")\n"
      "packet[\"camera/features\"]  # [n, D]  one row per kept token, for each source\n"
      "packet[\"camera/position\"]  # [n]     its place in the grid\n"
      "packet[\"camera/key\"]       # [n]     its name from tick to tick\n"
      "packet[\"camera/reason\"]    # [n]     why it was kept; score: what it was ranked by</pre>\n"
      "<footer>Made by Sluice {}. This page needs no network and holds no external resources."
      "</footer>\n",
      sluice_version());
}

}  // namespace sluice::report
