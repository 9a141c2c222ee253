#include "apps/report/canvas.h"

#include <algorithm>
#include <cmath>

#include "apps/report/bitmap_font.h"

namespace sluice::report {
namespace {

// Mixing weights are in 256ths: every pixel of a video goes through here.
int weight_of(double share) noexcept {
  return static_cast<int>(std::lround(std::clamp(share, 0.0, 1.0) * 256.0));
}

std::uint8_t mix(int from, int to, int weight) noexcept {
  return static_cast<std::uint8_t>((from * (256 - weight) + to * weight + 128) >> 8);
}

void mix_into(std::uint8_t* pixel, Colour colour, int weight) noexcept {
  pixel[0] = mix(pixel[0], colour.red, weight);
  pixel[1] = mix(pixel[1], colour.green, weight);
  pixel[2] = mix(pixel[2], colour.blue, weight);
}

}  // namespace

Rectangle clipped(const Rectangle& area, const stream::Image& image) noexcept {
  Rectangle inside;
  inside.left = std::clamp(area.left, 0, image.width);
  inside.right = std::clamp(area.right, inside.left, image.width);
  inside.top = std::clamp(area.top, 0, image.height);
  inside.bottom = std::clamp(area.bottom, inside.top, image.height);
  return inside;
}

void fill(stream::Image& image, const Rectangle& area, Colour colour, double opacity) noexcept {
  const Rectangle inside = clipped(area, image);
  const int weight = weight_of(opacity);
  for (int y = inside.top; y < inside.bottom; ++y) {
    std::uint8_t* pixel = image.pixel(inside.left, y);
    for (int x = inside.left; x < inside.right; ++x, pixel += 3) mix_into(pixel, colour, weight);
  }
}

void outline(stream::Image& image, const Rectangle& area, int thickness, Colour colour,
             double opacity) noexcept {
  const int across = std::min(thickness, area.width());
  const int down = std::min(thickness, area.height());
  // The four sides don't overlap: each pixel is mixed once.
  fill(image, {area.left, area.top, area.right, area.top + down}, colour, opacity);
  const int lower = std::max(area.top + down, area.bottom - down);
  fill(image, {area.left, lower, area.right, area.bottom}, colour, opacity);
  fill(image, {area.left, area.top + down, area.left + across, lower}, colour, opacity);
  const int right = std::max(area.left + across, area.right - across);
  fill(image, {right, area.top + down, area.right, lower}, colour, opacity);
}

void dim(stream::Image& image, const Rectangle& area, double saturation,
         double brightness) noexcept {
  const Rectangle inside = clipped(area, image);
  const int colourful = weight_of(saturation);
  const int bright = weight_of(brightness);
  for (int y = inside.top; y < inside.bottom; ++y) {
    std::uint8_t* pixel = image.pixel(inside.left, y);
    for (int x = inside.left; x < inside.right; ++x, pixel += 3) {
      const int luma = (77 * pixel[0] + 150 * pixel[1] + 29 * pixel[2]) >> 8;
      for (int channel = 0; channel < 3; ++channel) {
        pixel[channel] = mix(0, mix(luma, pixel[channel], colourful), bright);
      }
    }
  }
}

void disc(stream::Image& image, double x, double y, double radius, Colour colour,
          double opacity) noexcept {
  // Nothing of what lies outside needs to be a number that fits an int.
  if (!(x > -radius - 1 && x < image.width + radius + 1 && y > -radius - 1 &&
        y < image.height + radius + 1))
    return;
  const auto first = [](double edge) { return static_cast<int>(std::floor(edge)); };
  const Rectangle inside = clipped(
      {first(x - radius), first(y - radius), first(x + radius) + 2, first(y + radius) + 2}, image);
  for (int row = inside.top; row < inside.bottom; ++row) {
    for (int column = inside.left; column < inside.right; ++column) {
      const double distance = std::hypot(column - x, row - y);
      const double cover = std::clamp(radius + 0.5 - distance, 0.0, 1.0);
      if (cover > 0) mix_into(image.pixel(column, row), colour, weight_of(cover * opacity));
    }
  }
}

void hatch(stream::Image& image, const Rectangle& area, Colour colour, double opacity) noexcept {
  const Rectangle inside = clipped(area, image);
  const int weight = weight_of(opacity);
  constexpr int period = 6;
  for (int y = inside.top; y < inside.bottom; ++y) {
    for (int x = inside.left; x < inside.right; ++x) {
      if ((x + y) % period < 2) mix_into(image.pixel(x, y), colour, weight);
    }
  }
}

int text_width(std::string_view text, int scale) noexcept {
  // The last glyph needs no space after it.
  return text.empty() ? 0 : (static_cast<int>(text.size()) * glyph_advance - 1) * scale;
}

void draw_text(stream::Image& image, int x, int y, std::string_view text, Colour colour,
               int scale) noexcept {
  for (const char character : text) {
    const Glyph& glyph = glyph_of(character);
    for (int column = 0; column < glyph_columns; ++column) {
      for (int row = 0; row < glyph_height; ++row) {
        if (((glyph[static_cast<std::size_t>(column)] >> row) & 1) == 0) continue;
        const int left = x + column * scale;
        const int top = y + row * scale;
        fill(image, {left, top, left + scale, top + scale}, colour);
      }
    }
    x += glyph_advance * scale;
  }
}

}  // namespace sluice::report
