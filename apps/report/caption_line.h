// What the bands below all overlays share: their measures, and a line of text with swatches.
#pragma once

#include <string>
#include <vector>

#include "apps/report/canvas.h"
#include "stream/io/image.h"

namespace sluice::report {

/// All measures follow from the picture's width.
struct CaptionLayout {
  explicit CaptionLayout(int image_width) noexcept;
  int unit = 1;  ///< picture pixels per font pixel
  int padding = 0, text_top = 0, track_top = 0, track_height = 0, height = 0;
};

struct CaptionEntry {
  Colour swatch;
  std::string text;  ///< ASCII; empty: left out
};

struct CaptionText {
  std::string clock;
  std::vector<CaptionEntry> entries;
  std::string right;  ///< at the right end, fainter
};

/// Like time_text(), but in the ASCII of the font and of constant width while a video plays.
[[nodiscard]] std::string caption_clock(double seconds);

/// Pixels that the line needs.
[[nodiscard]] int caption_width(const CaptionText& text, const CaptionLayout& layout);

/// Adds the empty band to the bottom of `image` and returns its first row. `more_lines`: beside the
/// first one.
int append_band(stream::Image& image, const CaptionLayout& layout, int more_lines = 0);
/// Rows from one line of text to the next.
[[nodiscard]] int line_step(const CaptionLayout& layout) noexcept;

void draw_caption_line(stream::Image& image, int top, const CaptionText& text,
                       const CaptionLayout& layout);

}  // namespace sluice::report
