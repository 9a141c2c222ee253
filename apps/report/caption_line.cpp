#include "apps/report/caption_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "apps/report/palette.h"

namespace sluice::report {
namespace {

using stream::Image;

int entry_width(const CaptionEntry& entry, int unit) {
  return entry.text.empty() ? 0 : 10 * unit + text_width(entry.text, unit);
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

std::string caption_clock(double seconds) {
  const auto hundredths = static_cast<std::int64_t>(std::llround(std::abs(seconds) * 100));
  const std::int64_t minutes = hundredths / 6000;
  const char* const sign = seconds < 0 ? "-" : "";
  const std::string rest = fmt::format("{:02}.{:02}", hundredths / 100 % 60, hundredths % 100);
  if (minutes < 60) return fmt::format("{}{}:{}", sign, minutes, rest);
  return fmt::format("{}{}:{:02}:{}", sign, minutes / 60, minutes % 60, rest);
}

int line_step(const CaptionLayout& layout) noexcept {
  return (glyph_height + 4) * layout.unit;  // even, as the band is
}

int append_band(Image& image, const CaptionLayout& layout, int more_lines) {
  const int top = image.height;
  image.resize(image.width, image.height + layout.height + more_lines * line_step(layout));
  fill(image, {0, top, image.width, image.height}, palette::band);
  return top;
}

int caption_width(const CaptionText& text, const CaptionLayout& layout) {
  const int gap = 8 * layout.unit;
  int width = 2 * layout.padding + text_width(text.clock, layout.unit);
  for (const CaptionEntry& entry : text.entries) {
    if (!entry.text.empty()) width += gap + entry_width(entry, layout.unit);
  }
  if (!text.right.empty()) width += gap + text_width(text.right, layout.unit);
  return width;
}

void draw_caption_line(Image& image, int top, const CaptionText& text,
                       const CaptionLayout& layout) {
  const int unit = layout.unit;
  int x = layout.padding;
  draw_text(image, x, top, text.clock, palette::band_text, unit);
  x += text_width(text.clock, unit);
  for (const CaptionEntry& entry : text.entries) {
    if (entry.text.empty()) continue;
    x += 8 * unit;
    fill(image, {x, top, x + 7 * unit, top + 7 * unit}, entry.swatch);
    draw_text(image, x + 10 * unit, top, entry.text, palette::band_text, unit);
    x += entry_width(entry, unit);
  }
  const int right = image.width - layout.padding - text_width(text.right, unit);
  draw_text(image, right, top, text.right, palette::band_faint, unit);
}

}  // namespace sluice::report
