// What came, what is held, whether the memory kept its promises, and what was odd.
#include <fmt/format.h>

#include <vector>

#include "apps/report/html.h"
#include "apps/report/memory_sections.h"
#include "apps/report/report_blocks.h"
#include "apps/report/summary.h"
#include "apps/report/units.h"

namespace sluice::report {
namespace {

using temporal::MemoryChapter;

std::string share(std::int64_t part, std::int64_t whole) {
  return percent_text(static_cast<double>(part), static_cast<double>(whole));
}

std::string facts(const MemoryTrace& trace) {
  std::vector<std::string> facts;
  const stream::Source& source = trace.source;
  if (source.image_width > 0)
    facts.push_back(fmt::format("{} × {} pixels", source.image_width, source.image_height));
  facts.push_back(plural(trace.totals.frames, "frame"));
  if (const double seconds = remembered_seconds(trace); seconds > 0) {
    facts.push_back(duration_text(seconds));
    facts.push_back(number_text(static_cast<double>(trace.totals.frames) / seconds) + " frames/s");
  }
  if (source.positions() > 0)
    facts.push_back(fmt::format("{} × {} tokens a frame", source.grid_rows, source.grid_cols));
  facts.push_back(plural(trace.memory.segments, "segment"));
  facts.push_back(plural(static_cast<std::int64_t>(trace.chapters.size()), "chapter"));
  if (!trace.complete) facts.emplace_back("not read to its end");
  return fact_list(facts);
}

std::string tiles(const MemoryTrace& trace) {
  std::int64_t recent = 0;
  for (const MemoryChapter& chapter : trace.chapters) recent += chapter.recent ? chapter.tokens : 0;
  std::string out = "<div class=\"tiles four\">\n";
  out += tile("", "Seen", trace.totals.seen, trace.totals.seen, "tokens before any reduction");
  out += tile("", "Came to the memory", trace.arrived, trace.totals.seen,
              share(trace.arrived, trace.totals.seen) + " left after merging");
  out += tile("is-kept", "Held", trace.held, trace.budget,
              share(trace.held, trace.budget) + " of the " + count_text(trace.budget) + " allowed");
  out += tile("", "Recent", recent, trace.budget, "of those, held as they came");
  return out + "</div>\n";
}

std::string badge(bool holds, std::string_view claim, std::string_view failure,
                  std::string_view evidence) {
  return fmt::format("<div class=\"badge{}\"><b>{} {}</b><span>{}</span></div>\n",
                     holds ? "" : " bad", holds ? "✓" : "✗", holds ? claim : failure, evidence);
}

std::string badges(const MemoryTrace& trace) {
  const MemoryCheck check = check_memory(trace);
  const auto chapters = static_cast<std::int64_t>(trace.chapters.size());
  return badge(check.budget, "Within its budget", "Over its budget",
               fmt::format("at most {} of {} tokens, after every one of {}.",
                           count_text(trace.most_held), count_text(trace.budget),
                           plural(trace.memory.segments, "segment"))) +
         badge(check.time, "Every second represented", "Time is missing",
               fmt::format("{} in a row, from the first of {} to the last.",
                           plural(chapters, "chapter"), plural(trace.totals.frames, "frame"))) +
         badge(check.weight, "Weights add up", "Weights don’t add up",
               fmt::format("the tokens held stand for {} of {} input tokens that came.",
                           count_text(trace.held_weight), count_text(trace.arrived_weight)));
}

std::string line(std::int64_t count, std::string_view noun, std::string_view what) {
  return fmt::format("{} {}", plural(count, noun), what);
}

}  // namespace

double remembered_seconds(const MemoryTrace& trace) {
  if (trace.chapters.empty()) return 0;
  const MemoryChapter& first = trace.chapters.front();
  const MemoryChapter& last = trace.chapters.back();
  const auto steps = static_cast<double>(last.last_frame - first.first_frame);
  const double span = last.last_pts - first.first_pts;
  return steps > 0 && span > 0 ? span + span / steps : 0;
}

std::string memory_headline_section(const MemoryTrace& trace) {
  return "<header>\n" + page_heading("video", trace.input) + facts(trace) + "</header>\n" +
         tiles(trace) + badges(trace);
}

std::string memory_incidents_section(const MemoryTrace& trace) {
  std::vector<std::string> lines;
  const auto& totals = trace.totals;
  if (totals.kept < totals.available)
    lines.push_back(line(totals.available - totals.kept, "token",
                         "dropped before the memory: retain is below 1."));
  if (trace.memory.oversized > 0)
    lines.push_back(line(trace.memory.oversized, "segment",
                         "too large for the recent part: merged as soon as it came."));
  if (totals.forced_cuts > 0)
    lines.push_back(line(totals.forced_cuts, "segment", "ended early by the latency bound."));
  if (totals.non_finite > 0)
    lines.push_back(line(totals.non_finite, "input token",
                         "with NaN or infinity: never static, and ranked last."));
  if (totals.skipped_input > 0)
    lines.push_back(line(totals.skipped_input, "damaged input",
                         "could not be read; the video went on without them."));
  if (!trace.snapshots.empty())
    lines.push_back(line(static_cast<std::int64_t>(trace.snapshots.size()), "snapshot",
                         "written on the way; summary.json names them."));
  lines.insert(lines.end(), trace.notes.begin(), trace.notes.end());
  return "<h2>What was odd</h2>\n" + note_list(lines, "Nothing was skipped or cut short.");
}

std::string memory_footer_section() {
  return fmt::format(
      "<h2>Reading the tokens</h2>\n<p><code>tokens.safetensors</code>, beside this page, holds "
      "what is remembered, in the order in which a model should see it.</p>\n"
      "<pre>from safetensors.numpy import load_file\n\n"
      "tokens = load_file(\"tokens.safetensors\")\n"
      "tokens[\"features\"]        # [n, D]  one row per token, oldest first\n"
      "tokens[\"frame\"]           # [n]     first frame it stands for; frame_last: the last\n"
      "tokens[\"pts\"]             # [n]     seconds, of frame; pts_last: of frame_last\n"
      "tokens[\"position\"]        # [n]     place in the grid, row by row\n"
      "tokens[\"weight\"]          # [n]     number of input tokens it stands for\n"
      "tokens[\"chapter_frames\"]  # [c, 2]  first and last frame of each chapter\n"
      "tokens[\"chapter_tokens\"]  # [c]     how many of the rows are its own</pre>\n"
      "<footer>Made by Sluice {}. This page needs no network and holds no external resources."
      "</footer>\n",
      sluice_version());
}

}  // namespace sluice::report
