// The chapters: pictures of some, and a table of all of them.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "apps/report/html.h"
#include "apps/report/memory_sections.h"
#include "apps/report/report_blocks.h"
#include "apps/report/units.h"

namespace sluice::report {
namespace {

using temporal::MemoryChapter;

/// The page must stay small for videos of many hours.
constexpr std::size_t max_cards = 48;
constexpr std::size_t max_table_rows = 3000;

std::string frames_text(const MemoryChapter& chapter) {
  if (chapter.first_frame == chapter.last_frame) return "frame " + count_text(chapter.first_frame);
  return fmt::format("frames {}–{}", count_text(chapter.first_frame),
                     count_text(chapter.last_frame));
}

/// Seconds until the next chapter begins, or the video ends.
double seconds_of(const MemoryTrace& trace, std::size_t index) {
  const double begin = trace.chapters[index].first_pts;
  if (index + 1 < trace.chapters.size()) return trace.chapters[index + 1].first_pts - begin;
  return trace.chapters.front().first_pts + remembered_seconds(trace) - begin;
}

/// Chapters that get a card: evenly chosen, of those with a picture if any has one.
std::vector<std::size_t> chosen_chapters(const MemoryTrace& trace, const Thumbnails& thumbnails) {
  std::vector<std::size_t> candidates;
  for (std::size_t i = 0; i < trace.chapters.size(); ++i)
    if (thumbnails.empty() || pictured_frame(trace.chapters[i], thumbnails) >= 0)
      candidates.push_back(i);
  std::vector<std::size_t> chosen;
  for (const std::size_t i : evenly_chosen(candidates.size(), max_cards))
    chosen.push_back(candidates[i]);
  return chosen;
}

std::string picture(const MemoryChapter& chapter, const Thumbnails& thumbnails) {
  constexpr int jpeg_quality = 80;
  const std::int64_t frame = pictured_frame(chapter, thumbnails);
  if (frame < 0) return {};
  const stream::Image& image = thumbnails.at(frame);
  return fmt::format("<img width=\"{}\" height=\"{}\" alt=\"Frame {}\" src=\"{}\"/>\n", image.width,
                     image.height, frame, jpeg_uri(image, jpeg_quality));
}

std::string card(const MemoryTrace& trace, std::size_t index, const Thumbnails& thumbnails) {
  const MemoryChapter& chapter = trace.chapters[index];
  std::string out = fmt::format("<article class=\"card segment\" id=\"chapter-{}\">\n", index) +
                    picture(chapter, thumbnails);
  out += fmt::format(
      "<div class=\"body\"><h3>{} <span>{}</span></h3><span class=\"note\">{} from {}{}</span>\n"
      "<dl><dt>Held</dt><dd><b>{}</b> <span>of {}</span></dd>"
      "<dt>Segments</dt><dd>{}</dd></dl>\n",
      index + 1, frames_text(chapter), duration_text(seconds_of(trace, index)),
      time_text(chapter.first_pts, 0.1), chapter.recent ? ", as it came" : "",
      count_text(chapter.tokens), count_text(chapter.arrived), count_text(chapter.segments));
  out += "<div class=\"mini\">";
  const auto part = [&](std::string_view css_class, std::int64_t count) {
    if (count > 0)
      out += fmt::format("<i class=\"{}\" style=\"flex:{} 1 1px\"></i>", css_class, count);
  };
  part(chapter.recent ? "kept" : "merged", chapter.tokens);
  part("dropped", chapter.arrived - chapter.tokens);
  return out + "</div></div></article>\n";
}

std::string gallery(const MemoryTrace& trace, const Thumbnails& thumbnails) {
  const std::vector<std::size_t> chosen = chosen_chapters(trace, thumbnails);
  std::string out;
  if (chosen.size() < trace.chapters.size())
    out += fmt::format("<p class=\"lead\">{} of {} chapters shown, evenly chosen.</p>\n",
                       chosen.size(), count_text(static_cast<std::int64_t>(trace.chapters.size())));
  out += "<div class=\"segments\">\n";
  for (const std::size_t index : chosen) out += card(trace, index, thumbnails);
  return out + "</div>\n";
}

std::string table(const MemoryTrace& trace) {
  const auto& chapters = trace.chapters;
  std::string out = fmt::format(
      "<details><summary>Table of {} chapters</summary>\n"
      "<div class=\"card scroll\"><table><thead><tr><th class=\"n\">Chapter</th>"
      "<th class=\"n\">Frames</th><th class=\"n\">Begins</th><th class=\"n\">Lasts</th>"
      "<th class=\"n\">Segments</th><th class=\"n\">Tokens that came</th>"
      "<th class=\"n\">held</th><th class=\"n\">Held of all</th></tr></thead><tbody>\n",
      chapters.size() > max_table_rows ? fmt::format("the first {}", count_text(max_table_rows))
                                       : "all");
  for (std::size_t i = 0; i < std::min(chapters.size(), max_table_rows); ++i) {
    const MemoryChapter& chapter = chapters[i];
    out += fmt::format(
        "<tr><td class=\"n\">{}</td><td class=\"n\">{}–{}</td><td class=\"n\">{}</td>"
        "<td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>"
        "<td class=\"n\">{}{}</td><td class=\"n\">{}</td></tr>\n",
        i + 1, count_text(chapter.first_frame), count_text(chapter.last_frame),
        time_text(chapter.first_pts, 0.01), duration_text(seconds_of(trace, i)),
        count_text(chapter.segments), count_text(chapter.arrived), count_text(chapter.tokens),
        chapter.recent ? " <small>as they came</small>" : "",
        percent_text(static_cast<double>(chapter.tokens), static_cast<double>(trace.held)));
  }
  return out + "</tbody></table></div></details>\n";
}

}  // namespace

std::int64_t pictured_frame(const MemoryChapter& chapter, const Thumbnails& thumbnails) {
  const auto picture = thumbnails.lower_bound(chapter.first_frame);
  return picture != thumbnails.end() && picture->first <= chapter.last_frame ? picture->first : -1;
}

std::string memory_filmstrip(const MemoryTrace& trace, const Thumbnails& thumbnails) {
  constexpr std::size_t most = 5;
  if (thumbnails.empty()) return {};
  const std::vector<std::size_t> chosen = chosen_chapters(trace, thumbnails);
  std::string out;
  for (const std::size_t choice : evenly_chosen(chosen.size(), most)) {
    const MemoryChapter& chapter = trace.chapters[chosen[choice]];
    out += fmt::format("<a href=\"#chapter-{}\">{}<span class=\"note\">{}</span></a>\n",
                       chosen[choice], picture(chapter, thumbnails),
                       time_text(chapter.first_pts, 0.1));
  }
  return out.empty() ? out : "<div class=\"film\">" + out + "</div>\n";
}

std::string memory_chapters_section(const MemoryTrace& trace, const Thumbnails& thumbnails) {
  if (trace.chapters.empty()) return {};
  return "<h2>Chapters</h2>\n<p>A chapter is a stretch of time whose segments share their tokens. "
         "The older it is, the more of them it may span; the newest are held as they came.</p>\n" +
         gallery(trace, thumbnails) + table(trace);
}

}  // namespace sluice::report
