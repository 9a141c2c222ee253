// The segments: pictures of their first frames with the kept grid, and a table of all of them.
#include <fmt/format.h>

#include "apps/report/html.h"
#include "apps/report/report_sections.h"
#include "apps/report/trace_statistics.h"
#include "apps/report/units.h"

namespace sluice::report {
namespace {

using stream::TraceSegment;

/// Rows of the full table at most; the page must stay small for recordings of many hours.
constexpr std::size_t max_table_rows = 3000;

/// All that is shown of a segment, in numbers.
struct SegmentNumbers {
  std::int64_t frames = 0, tokens = 0, static_tokens = 0, kept = 0;
  double begin_s = 0, end_s = 0;
};

SegmentNumbers numbers_of(const SourceView& view, const TraceSegment& segment) {
  SegmentNumbers numbers;
  const std::int64_t positions = view.trace.source.positions();
  numbers.frames = segment.last - segment.first + std::int64_t{1};
  numbers.tokens = numbers.frames * positions;
  numbers.static_tokens = numbers.frames * segment.static_positions;
  numbers.kept = segment.static_kept + segment.dynamic_kept;
  numbers.begin_s = view.trace.pts[static_cast<std::size_t>(segment.first)];
  const auto next = static_cast<std::size_t>(segment.last) + 1;
  numbers.end_s = next < view.trace.pts.size()
                      ? view.trace.pts[next]
                      : view.trace.pts.front() + duration_seconds(view.trace.pts);
  return numbers;
}

std::string frames_text(const TraceSegment& segment) {
  if (segment.first == segment.last) return "frame " + count_text(segment.first);
  return fmt::format("frames {}–{}", count_text(segment.first), count_text(segment.last));
}

std::string card(const SourceView& view, std::size_t index, const Thumbnails& thumbnails) {
  const TraceSegment& segment = view.trace.segments[index];
  const SegmentNumbers numbers = numbers_of(view, segment);
  std::string out = fmt::format("<article class=\"card segment{}\" id=\"{}-segment-{}\">\n",
                                segment.forced_cut ? " forced" : "", view.id, index);
  const auto picture = thumbnails.find(segment.first);
  if (picture != thumbnails.end()) {
    out += fmt::format(
        "<img loading=\"lazy\" width=\"{}\" height=\"{}\" alt=\"First frame of segment {} with its "
        "kept grid\" src=\"{}\"/>\n",
        picture->second.width, picture->second.height, index + 1,
        kept_grid_uri(picture->second, view.trace, segment.first));
  }
  out += fmt::format(
      "<div class=\"body\"><h3>{} <span>{}</span></h3><span class=\"note\">{} from {}</span>{}\n"
      "<dl><dt>Static</dt><dd>{} <span>of {} positions</span></dd>"
      "<dt>Dynamic</dt><dd>{} <span>of {}</span></dd>"
      "<dt>Kept</dt><dd><b>{}</b> <span>{}</span></dd></dl>\n",
      index + 1, frames_text(segment), duration_text(numbers.end_s - numbers.begin_s),
      time_text(numbers.begin_s, 0.1),
      segment.forced_cut ? " <span class=\"tag\">cut by the latency bound</span>" : "",
      count_text(segment.static_kept), count_text(segment.static_positions),
      count_text(segment.dynamic_kept), count_text(segment.dynamic_available),
      count_text(numbers.kept),
      percent_text(static_cast<double>(numbers.kept), static_cast<double>(numbers.tokens)));
  out += "<div class=\"mini\">";
  const auto part = [&](std::string_view css_class, std::int64_t count) {
    if (count > 0)
      out += fmt::format("<i class=\"{}\" style=\"flex:{} 1 1px\"></i>", css_class, count);
  };
  const bool merged = segment.static_kept > 0;
  part("kept", segment.dynamic_kept);
  part("merged", merged ? numbers.static_tokens : 0);
  part("dropped", numbers.tokens - segment.dynamic_kept - (merged ? numbers.static_tokens : 0));
  return out + "</div></div></article>\n";
}

std::string gallery(const SourceView& view, const Thumbnails& thumbnails) {
  const std::size_t total = view.trace.segments.size();
  const auto chosen = evenly_chosen(total, max_segment_thumbnails);
  std::string out;
  if (chosen.size() < total) {
    out += fmt::format("<p class=\"lead\">{} of {} segments shown, evenly chosen.</p>\n",
                       chosen.size(), count_text(static_cast<std::int64_t>(total)));
  }
  out += "<div class=\"segments\">\n";
  for (const std::size_t index : chosen) out += card(view, index, thumbnails);
  return out + "</div>\n";
}

std::string table(const SourceView& view) {
  const auto& segments = view.trace.segments;
  std::string out = fmt::format(
      "<details><summary>Table of {} segments</summary>\n"
      "<div class=\"card scroll\"><table><thead><tr><th class=\"n\">Segment</th>"
      "<th class=\"n\">Frames</th><th class=\"n\">Begins</th><th class=\"n\">Lasts</th>"
      "<th class=\"n\">Static positions</th><th class=\"n\">kept</th>"
      "<th class=\"n\">Dynamic tokens</th><th class=\"n\">kept</th><th class=\"n\">Kept of all</th>"
      "</tr></thead><tbody>\n",
      segments.size() > max_table_rows ? fmt::format("the first {}", count_text(max_table_rows))
                                       : "all");
  for (std::size_t s = 0; s < std::min(segments.size(), max_table_rows); ++s) {
    const TraceSegment& segment = segments[s];
    const SegmentNumbers numbers = numbers_of(view, segment);
    out += fmt::format(
        "<tr><td class=\"n\">{}</td><td class=\"n\">{}–{}</td><td class=\"n\">{}</td>"
        "<td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td "
        "class=\"n\">{}</td>"
        "<td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
        s + 1, count_text(segment.first), count_text(segment.last),
        time_text(numbers.begin_s, 0.01), duration_text(numbers.end_s - numbers.begin_s),
        count_text(segment.static_positions), count_text(segment.static_kept),
        count_text(segment.dynamic_available), count_text(segment.dynamic_kept),
        percent_text(static_cast<double>(numbers.kept), static_cast<double>(numbers.tokens)));
  }
  return out + "</tbody></table></div></details>\n";
}

}  // namespace

std::string filmstrip(const SourceView& view, const Thumbnails& thumbnails) {
  constexpr std::size_t most = 5;
  std::vector<std::size_t> pictured;
  for (const std::size_t index :
       evenly_chosen(view.trace.segments.size(), max_segment_thumbnails)) {
    if (thumbnails.contains(view.trace.segments[index].first)) pictured.push_back(index);
  }
  if (pictured.empty()) return {};
  std::string out = "<div class=\"film\">";
  for (const std::size_t choice : evenly_chosen(pictured.size(), most)) {
    const std::size_t index = pictured[choice];
    const std::int64_t frame = view.trace.segments[index].first;
    out += fmt::format(
        "<a href=\"#{}-segment-{}\"><img alt=\"Frame {} with its kept grid\" src=\"{}\"/>"
        "<span class=\"note\">{}</span></a>\n",
        view.id, index, frame, kept_grid_uri(thumbnails.at(frame), view.trace, frame),
        time_text(view.trace.pts[static_cast<std::size_t>(frame)], 0.1));
  }
  return out + "</div>\n";
}

std::string segments_section(const SourceView& view, const Thumbnails& thumbnails) {
  if (view.trace.segments.empty()) return {};
  return "<h2>Segments</h2>\n<p>The first frame of each segment: kept tokens clear, merged ones "
         "blue "
         "(cluster centres outlined), dropped ones dark.</p>\n" +
         gallery(view, thumbnails) + table(view);
}

}  // namespace sluice::report
