#include "apps/report/caption.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "apps/report/canvas.h"
#include "apps/report/palette.h"

namespace sluice::report {
namespace {

using stream::Image;
using stream::SourceTrace;

/// Like time_text(), but in the ASCII of the font and of constant width while a video plays.
std::string clock_text(double seconds) {
  const auto hundredths = static_cast<std::int64_t>(std::llround(std::abs(seconds) * 100));
  const std::int64_t minutes = hundredths / 6000;
  const char* const sign = seconds < 0 ? "-" : "";
  const std::string rest = fmt::format("{:02}.{:02}", hundredths / 100 % 60, hundredths % 100);
  if (minutes < 60) return fmt::format("{}{}:{}", sign, minutes, rest);
  return fmt::format("{}{}:{:02}:{}", sign, minutes / 60, minutes % 60, rest);
}

struct Entry {
  Colour swatch;
  std::string text;
};

/// How wordy the caption is; the longest that fits is used.
enum class Wording { full, counts, brief, clock_only };

struct CaptionNumbers {
  double seconds = 0;
  std::int64_t kept = 0, merged = 0, centres = 0, dropped = 0;
  std::int64_t segment = 0, segments = 0;  // counted from 1; 0: in none
};

struct CaptionText {
  std::string clock;
  std::array<Entry, 3> entries;
  std::string segment;
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
  text.clock = clock_text(numbers.seconds);
  if (wording == Wording::clock_only) return text;
  if (numbers.segment > 0) {
    const char* const label = wording == Wording::full ? "segment " : "";
    text.segment = fmt::format("{}{}/{}", label, numbers.segment, numbers.segments);
  }
  const auto entry = [&](Colour swatch, const char* label, std::int64_t count) {
    return Entry{swatch, wording == Wording::brief ? fmt::format("{}", count)
                                                   : fmt::format("{} {}", label, count)};
  };
  Entry merged = entry(palette::merged, "merged", numbers.merged);
  if (wording == Wording::full) merged.text += fmt::format(" into {}", numbers.centres);
  text.entries = {entry(palette::kept, "kept", numbers.kept), std::move(merged),
                  entry(palette::dropped, "dropped", numbers.dropped)};
  return text;
}

int entry_width(const Entry& entry, int unit) {
  return entry.text.empty() ? 0 : 10 * unit + text_width(entry.text, unit);
}

int total_width(const CaptionText& text, const CaptionLayout& layout) {
  const int gap = 8 * layout.unit;
  int width = 2 * layout.padding + text_width(text.clock, layout.unit);
  for (const Entry& entry : text.entries) {
    if (!entry.text.empty()) width += gap + entry_width(entry, layout.unit);
  }
  if (!text.segment.empty()) width += gap + text_width(text.segment, layout.unit);
  return width;
}

void draw_line(Image& image, int top, const CaptionText& text, const CaptionLayout& layout) {
  const int unit = layout.unit;
  int x = layout.padding;
  draw_text(image, x, top, text.clock, palette::band_text, unit);
  x += text_width(text.clock, unit);
  for (const Entry& entry : text.entries) {
    if (entry.text.empty()) continue;
    x += 8 * unit;
    fill(image, {x, top, x + 7 * unit, top + 7 * unit}, entry.swatch);
    draw_text(image, x + 10 * unit, top, entry.text, palette::band_text, unit);
    x += entry_width(entry, unit);
  }
  const int right = image.width - layout.padding - text_width(text.segment, unit);
  draw_text(image, right, top, text.segment, palette::band_faint, unit);
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

CaptionLayout::CaptionLayout(int image_width) noexcept
    : unit(std::clamp((image_width + 200) / 420, 1, 8)),
      padding(4 * unit),
      text_top(4 * unit),
      track_top(text_top + (glyph_height + 3) * unit),
      track_height(4 * unit),
      height(track_top + track_height + 3 * unit) {
  height += height % 2;  // an even video stays even
}

void append_caption(Image& image, const SourceTrace& trace, std::int64_t frame_index,
                    const FateCounts& counts) {
  const CaptionLayout layout(image.width);
  const int top = image.height;
  image.resize(image.width, image.height + layout.height);
  fill(image, {0, top, image.width, image.height}, palette::band);

  // Chosen for the widest numbers, so that the wording stays the same while a video plays.
  Wording wording = Wording::clock_only;
  const CaptionNumbers widest = widest_numbers(trace);
  for (const Wording longest : {Wording::full, Wording::counts, Wording::brief}) {
    if (total_width(caption_text(widest, longest), layout) > image.width) continue;
    wording = longest;
    break;
  }
  const CaptionText text = caption_text(numbers_of(trace, frame_index, counts), wording);
  draw_line(image, top + layout.text_top, text, layout);
  draw_track(image, top + layout.track_top, trace, frame_index, layout);
}

}  // namespace sluice::report
