// What was dropped and why, where the time went, and how to read the files.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "apps/report/html.h"
#include "apps/report/report_blocks.h"
#include "apps/report/report_sections.h"
#include "apps/report/summary.h"
#include "apps/report/trace_statistics.h"
#include "apps/report/units.h"

namespace sluice::report {
namespace {

using stream::Trace;

struct Reason {
  Fate fate;
  std::string_view name, meaning, css_class;
};

constexpr std::array reasons{
    Reason{Fate::not_selected, "Not selected",
           "dynamic, but other tokens of its frame scored higher", "dropped"},
    Reason{Fate::no_centre, "No centre",
           "static, but its segment’s share of the budget rounded to nothing", "dropped"},
    Reason{Fate::non_finite, "Not finite", "NaN or infinity among its features", "fault"},
    Reason{Fate::late, "Late", "its segment was dropped because the receiver was too slow",
           "fault"},
};

std::string reasons_table(const Trace& trace) {
  const FateCounts fates = count_fates(trace);
  const auto all = static_cast<double>(fates.total());
  std::string out =
      "<div class=\"card scroll\"><table><thead><tr><th>Reason</th>"
      "<th class=\"n\">Tokens</th><th class=\"n\">Of all</th><th></th></tr></thead><tbody>\n";
  for (const Reason& reason : reasons) {
    const std::int64_t count = fates[reason.fate];
    out += fmt::format(
        "<tr{}><td>{}<small>{}</small></td><td class=\"n\">{}</td><td class=\"n\">{}</td>"
        "<td class=\"wide\">{}</td></tr>\n",
        count == 0 ? " class=\"none\"" : "", reason.name, reason.meaning, count_text(count),
        percent_text(static_cast<double>(count), all),
        meter(reason.css_class, static_cast<double>(count), all));
  }
  return out + "</tbody></table></div>\n";
}

/// Sentences on everything that is not the plain case; empty if nothing happened.
std::vector<std::string> incidents(const Trace& trace) {
  const auto& totals = trace.totals;
  std::vector<std::string> lines;
  const auto add = [&](std::int64_t count, std::string_view singular, std::string_view plural,
                       std::string_view rest) {
    if (count == 0) return;
    lines.push_back(
        fmt::format("{} {} {}", count_text(count), count == 1 ? singular : plural, rest));
  };
  add(totals.forced_cuts, "segment was", "segments were",
      "ended early by the latency bound, before the best segmentation was certain.");
  add(totals.unspent, "token", "tokens",
      "of the budget could not be spent: there was not enough to choose from.");
  add(totals.non_finite, "input token", "input tokens",
      "held NaN or infinity: never static, and ranked last.");
  add(totals.skipped_input, "damaged input", "damaged inputs",
      "could not be read; the recording went on without them.");
  if (totals.dropped_packets > 0) {
    lines.push_back(
        fmt::format("{} of {} packets, with {} tokens, were dropped because the receiver "
                    "was slow.",
                    count_text(totals.dropped_packets), count_text(totals.packets),
                    count_text(totals.dropped_tokens)));
  }
  lines.insert(lines.end(), trace.notes.begin(), trace.notes.end());
  return lines;
}

}  // namespace

std::string losses_section(const Trace& trace) {
  return "<h2>What was dropped, and why</h2>\n<p>Input tokens that are in no output row.</p>\n" +
         reasons_table(trace) +
         note_list(incidents(trace), "Nothing was skipped, cut short or left unspent.");
}

std::string timings_section(const Trace& trace) {
  return timings_section(trace.stage_ms, trace.totals.frames);
}

std::string footer_section() {
  return fmt::format(
      "<h2>Reading the tokens</h2>\n<p><code>tokens.safetensors</code>, beside this page, holds "
      "what "
      "was kept, in the order in which a model should see it.</p>\n"
      "<pre>from safetensors.numpy import load_file\n\n"
      "tokens = load_file(\"tokens.safetensors\")\n"
      "tokens[\"features\"]    # [n, D]  one row per kept token\n"
      "tokens[\"frame\"]       # [n]     frame it stands for (a static token: its segment’s "
      "first)\n"
      "tokens[\"position\"]    # [n]     place in the grid, row by row\n"
      "tokens[\"weight\"]      # [n]     number of input tokens merged into it\n"
      "tokens[\"kind\"]        # [n]     0 static, 1 dynamic\n"
      "tokens[\"pts\"]         # [n]     seconds\n"
      "tokens[\"segments\"]    # [m, 2]  first and last frame of each segment\n"
      "tokens[\"assignment\"]  # [F, S]  output row of each input token, or: -1 not selected,\n"
      "                      #         -2 no centre, -3 not finite, -4 late</pre>\n"
      "<footer>Made by Sluice {}. This page needs no network and holds no external resources."
      "</footer>\n",
      sluice_version());
}

}  // namespace sluice::report
