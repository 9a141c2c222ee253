#include "apps/report/heat_strip.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "apps/report/palette.h"
#include "apps/report/trace_statistics.h"

namespace sluice::report {
namespace {

using stream::Image;
using stream::SourceTrace;

using Mixture = std::array<double, 3>;

Mixture operator+(const Mixture& a, const Mixture& b) noexcept {
  return {a[0] + b[0], a[1] + b[1], a[2] + b[2]};
}

Mixture mixture(Colour colour) noexcept {
  return {static_cast<double>(colour.red), static_cast<double>(colour.green),
          static_cast<double>(colour.blue)};
}

Mixture between(Colour from, Colour to, double share) noexcept {
  const Mixture a = mixture(from);
  const Mixture b = mixture(to);
  const double t = std::clamp(share, 0.0, 1.0);
  return {a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]), a[2] + t * (b[2] - a[2])};
}

/// Positions [first, last) that share a row of the picture.
struct PositionRange {
  std::int32_t first = 0, last = 0;
};

/// Fills the strip with the mean colour of the tokens under each pixel.
template <typename ColourOf>
Image strip(const SourceTrace& trace, const TimeAxis& axis, const ColourOf& colour_of) {
  const std::int32_t positions = trace.source.positions();
  const int rows = std::min<int>(positions, max_strip_rows);
  Image image;
  image.resize(std::max<int>(1, static_cast<int>(axis.columns().size())), rows);
  for (int x = 0; x < static_cast<int>(axis.columns().size()); ++x) {
    const FrameRange frames = axis.columns()[static_cast<std::size_t>(x)];
    for (int y = 0; y < rows; ++y) {
      const PositionRange covered{
          static_cast<std::int32_t>(std::int64_t{y} * positions / rows),
          static_cast<std::int32_t>(std::int64_t{y + 1} * positions / rows)};
      Mixture sum{};
      for (std::int64_t f = frames.first; f < frames.last; ++f) {
        for (std::int32_t p = covered.first; p < covered.last; ++p) sum = sum + colour_of(f, p);
      }
      const double count = static_cast<double>(frames.size()) * (covered.last - covered.first);
      for (std::size_t c = 0; c < 3; ++c) {
        image.pixel(x, y)[c] = static_cast<std::uint8_t>(std::lround(sum[c] / count));
      }
    }
  }
  return image;
}

}  // namespace

Image similarity_strip(const SourceTrace& trace, const TimeAxis& axis, double threshold) {
  constexpr Colour just_redundant{0x9C, 0xD3, 0xE6};
  constexpr Colour identical{0x0F, 0x5E, 0x7D};
  constexpr Colour just_changed{0xFB, 0xDF, 0xB0};
  constexpr Colour different{0xD9, 0x77, 0x06};
  constexpr Colour undefined = palette::dropped;
  return strip(trace, axis, [&](std::int64_t frame, std::int32_t position) {
    const auto index = static_cast<std::size_t>(frame * trace.source.positions() + position);
    // The last frame has no next one.
    if (index >= trace.similarity.size()) return mixture(undefined);
    const double similarity = static_cast<double>(trace.similarity[index]);
    if (!std::isfinite(similarity)) return mixture(undefined);
    if (similarity > threshold) {
      return between(just_redundant, identical,
                     (similarity - threshold) / std::max(1 - threshold, 1e-6));
    }
    return between(just_changed, different, (threshold - similarity) / 0.6);
  });
}

Image fate_strip(const SourceTrace& trace, const TimeAxis& axis) {
  return strip(trace, axis, [&](std::int64_t frame, std::int32_t position) {
    switch (fate_of(trace, frame, position)) {
      case Fate::kept: return mixture(palette::kept);
      case Fate::merged: return mixture(palette::merged);
      case Fate::non_finite:
      case Fate::late: return mixture(palette::fault);
      default: return mixture(palette::dropped_strip);
    }
  });
}

}  // namespace sluice::report
