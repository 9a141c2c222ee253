#include "apps/report/caption.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "apps/report/palette.h"

namespace sluice::report {
namespace {

using stream::Image;
using stream::SourceTrace;

/// How wordy the caption is; the longest that fits is used.
enum class Wording { full, counts, brief, clock_only };

struct CaptionNumbers {
  double seconds = 0;
  std::int64_t kept = 0, merged = 0, centres = 0, dropped = 0;
  std::int64_t segment = 0, segments = 0;  // counted from 1; 0: in none
};

CaptionNumbers numbers_of(const SourceTrace& trace, std::int64_t frame, const FateCounts& counts) {
  CaptionNumbers numbers;
  numbers.seconds = trace.pts[static_cast<std::size_t>(frame)];
  numbers.kept = counts[Fate::kept];
  numbers.merged = counts[Fate::merged];
  numbers.dropped = counts.dropped();
  const std::int64_t segment = segment_at(trace, frame);
  if (segment >= 0) {
    numbers.centres = trace.segments[static_cast<std::size_t>(segment)].static_kept;
  }
  numbers.segment = segment + 1;
  numbers.segments = static_cast<std::int64_t>(trace.segments.size());
  return numbers;
}

/// The widest numbers of any frame.
CaptionNumbers widest_numbers(const SourceTrace& trace) {
  const std::int64_t positions = trace.source.positions();
  const auto segments = static_cast<std::int64_t>(trace.segments.size());
  return {trace.pts.back(), positions, positions, positions, positions, segments, segments};
}

CaptionText caption_text(const CaptionNumbers& numbers, Wording wording) {
  CaptionText text;
  text.clock = caption_clock(numbers.seconds);
  if (wording == Wording::clock_only) return text;
  if (numbers.segment > 0) {
    const char* const label = wording == Wording::full ? "segment " : "";
    text.right = fmt::format("{}{}/{}", label, numbers.segment, numbers.segments);
  }
  const auto entry = [&](Colour swatch, const char* label, std::int64_t count) {
    return CaptionEntry{swatch, wording == Wording::brief ? fmt::format("{}", count)
                                                          : fmt::format("{} {}", label, count)};
  };
  CaptionEntry merged = entry(palette::merged, "merged", numbers.merged);
  if (wording == Wording::full) merged.text += fmt::format(" into {}", numbers.centres);
  text.entries = {entry(palette::kept, "kept", numbers.kept), std::move(merged),
                  entry(palette::dropped, "dropped", numbers.dropped)};
  return text;
}

/// Segments in alternating shades, brighter up to the playhead; red where the latency bound cut.
void draw_track(Image& image, int top, const SourceTrace& trace, std::int64_t frame,
                const CaptionLayout& layout) {
  const int left = layout.padding;
  const int width = image.width - 2 * layout.padding;
  const int bottom = top + layout.track_height;
  const auto place = [&](std::int64_t f) {
    return left + static_cast<int>(f * width / std::max<std::int64_t>(trace.frames(), 1));
  };
  fill(image, {left, top, left + width, bottom}, palette::track);
  const int played = place(frame + 1);
  for (std::size_t s = 0; s < trace.segments.size(); ++s) {
    const auto& segment = trace.segments[s];
    const int begin = place(segment.first);
    const int end = place(segment.last + std::int64_t{1});
    const bool odd = s % 2 != 0;
    fill(image, {begin, top, end, bottom}, odd ? palette::track_other : palette::track);
    fill(image, {begin, top, std::min(end, played), bottom},
         odd ? palette::track_done_other : palette::track_done);
    if (segment.forced_cut) fill(image, {end - layout.unit, top, end, bottom}, palette::fault);
  }
  const int head = std::clamp(place(frame), left, left + std::max(0, width - layout.unit));
  fill(image, {head, top - layout.unit, head + layout.unit, bottom + layout.unit}, palette::kept);
}

}  // namespace

void append_caption(Image& image, const SourceTrace& trace, std::int64_t frame_index,
                    const FateCounts& counts) {
  const CaptionLayout layout(image.width);
  const int top = append_band(image, layout);

  // Chosen for the widest numbers, so that the wording stays the same while a video plays.
  Wording wording = Wording::clock_only;
  const CaptionNumbers widest = widest_numbers(trace);
  for (const Wording longest : {Wording::full, Wording::counts, Wording::brief}) {
    if (caption_width(caption_text(widest, longest), layout) > image.width) continue;
    wording = longest;
    break;
  }
  const CaptionText text = caption_text(numbers_of(trace, frame_index, counts), wording);
  draw_caption_line(image, top + layout.text_top, text, layout);
  draw_track(image, top + layout.track_top, trace, frame_index, layout);
}

}  // namespace sluice::report
