// Pictures with a column per moment and a row per grid position.
#pragma once

#include "apps/report/time_axis.h"
#include "stream/io/image.h"
#include "stream/trace.h"

namespace sluice::report {

/// Rows of the strips at most: finer grids are gathered.
inline constexpr int max_strip_rows = 256;

/// Mean similarity to the next frame: blue above `threshold`, the more the darker; pale orange
/// below; grey where undefined.
[[nodiscard]] stream::Image similarity_strip(const stream::SourceTrace& trace, const TimeAxis& axis,
                                             double threshold);

/// What became of each token, in the colours of the palette; mixed where tokens share a pixel.
[[nodiscard]] stream::Image fate_strip(const stream::SourceTrace& trace, const TimeAxis& axis);

}  // namespace sluice::report
