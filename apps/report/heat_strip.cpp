#include "apps/report/heat_strip.h"

#include <algorithm>
#include <cmath>

#include "apps/report/palette.h"
#include "apps/report/strip.h"
#include "apps/report/trace_statistics.h"

namespace sluice::report {

using stream::Image;
using stream::SourceTrace;

Image similarity_strip(const SourceTrace& trace, const TimeAxis& axis, double threshold) {
  constexpr Colour just_redundant{0x9C, 0xD3, 0xE6};
  constexpr Colour identical{0x0F, 0x5E, 0x7D};
  constexpr Colour just_changed{0xFB, 0xDF, 0xB0};
  constexpr Colour different{0xD9, 0x77, 0x06};
  constexpr Colour undefined = palette::dropped;
  return strip(trace.source.positions(), axis, [&](std::int64_t frame, std::int32_t position) {
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
  return strip(trace.source.positions(), axis, [&](std::int64_t frame, std::int32_t position) {
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
