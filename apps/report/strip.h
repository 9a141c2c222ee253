// A picture with a column per moment and a row per grid position, whatever it shows. Private to the
// reports.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "apps/report/canvas.h"
#include "apps/report/heat_strip.h"
#include "apps/report/time_axis.h"
#include "stream/io/image.h"

namespace sluice::report {

/// A colour that others can be added to: red, green, blue.
using Mixture = std::array<double, 3>;

inline Mixture operator+(const Mixture& a, const Mixture& b) noexcept {
  return {a[0] + b[0], a[1] + b[1], a[2] + b[2]};
}

inline Mixture mixture(Colour colour) noexcept {
  return {static_cast<double>(colour.red), static_cast<double>(colour.green),
          static_cast<double>(colour.blue)};
}

inline Mixture between(Colour from, Colour to, double share) noexcept {
  const Mixture a = mixture(from);
  const Mixture b = mixture(to);
  const double t = std::clamp(share, 0.0, 1.0);
  return {a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]), a[2] + t * (b[2] - a[2])};
}

/// Each pixel the mean colour of the tokens under it: colour_of(frame, position) is a Mixture. At
/// most max_strip_rows rows.
template <typename ColourOf>
stream::Image strip(std::int32_t positions, const TimeAxis& axis, const ColourOf& colour_of) {
  const int rows = std::min<int>(positions, max_strip_rows);
  stream::Image image;
  image.resize(std::max<int>(1, static_cast<int>(axis.columns().size())), rows);
  for (int x = 0; x < static_cast<int>(axis.columns().size()); ++x) {
    const FrameRange frames = axis.columns()[static_cast<std::size_t>(x)];
    for (int y = 0; y < rows; ++y) {
      const auto first = static_cast<std::int32_t>(std::int64_t{y} * positions / rows);
      const auto last = static_cast<std::int32_t>(std::int64_t{y + 1} * positions / rows);
      Mixture sum{};
      for (std::int64_t f = frames.first; f < frames.last; ++f) {
        for (std::int32_t p = first; p < last; ++p) sum = sum + colour_of(f, p);
      }
      const double count = static_cast<double>(frames.size()) * (last - first);
      for (std::size_t c = 0; c < 3; ++c) {
        image.pixel(x, y)[c] = static_cast<std::uint8_t>(std::lround(sum[c] / count));
      }
    }
  }
  return image;
}

}  // namespace sluice::report
