// Rectangles and text on an Image. Everything is clipped to the picture.
#pragma once

#include <cstdint>
#include <string_view>

#include "stream/io/image.h"

namespace sluice::report {

struct Colour {
  std::uint8_t red = 0, green = 0, blue = 0;
  friend bool operator==(const Colour&, const Colour&) = default;
};

/// Pixels from `left` to before `right`, and from `top` to before `bottom`.
struct Rectangle {
  int left = 0, top = 0, right = 0, bottom = 0;
  [[nodiscard]] int width() const noexcept { return right - left; }
  [[nodiscard]] int height() const noexcept { return bottom - top; }
};

[[nodiscard]] Rectangle clipped(const Rectangle& area, const stream::Image& image) noexcept;

/// Mixes `colour` into the area; opacity 0 to 1.
void fill(stream::Image& image, const Rectangle& area, Colour colour, double opacity = 1) noexcept;
/// A frame of `thickness` pixels along the inside of the area.
void outline(stream::Image& image, const Rectangle& area, int thickness, Colour colour,
             double opacity = 1) noexcept;
/// Turns the area grey and dark: `saturation` and `brightness` are what remains of each, 0 to 1.
void dim(stream::Image& image, const Rectangle& area, double saturation,
         double brightness) noexcept;
/// A filled circle with soft edges; `x`, `y` and `radius` in pixels, whose centres are at whole
/// numbers.
void disc(stream::Image& image, double x, double y, double radius, Colour colour,
          double opacity = 1) noexcept;
/// Diagonal lines.
void hatch(stream::Image& image, const Rectangle& area, Colour colour, double opacity) noexcept;

/// A 5×7 font with descenders, of printable ASCII; everything else shows as '?'.
inline constexpr int glyph_advance = 6;
inline constexpr int glyph_height = 8;
[[nodiscard]] int text_width(std::string_view text, int scale) noexcept;
/// `x`, `y`: the top left corner. `scale`: picture pixels per font pixel.
void draw_text(stream::Image& image, int x, int y, std::string_view text, Colour colour,
               int scale) noexcept;

}  // namespace sluice::report
