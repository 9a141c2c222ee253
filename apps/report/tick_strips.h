// Pictures of a source over time: a column per tick, a row per grid position.
#pragma once

#include "apps/report/time_axis.h"
#include "stream/io/image.h"
#include "stream/tick_trace.h"

namespace sluice::report {

/// Why each token was kept, in the colours of the palette; dark where it was not, grey where there
/// was none. Requires a grid.
[[nodiscard]] stream::Image kept_strip(const stream::TickTraceSource& source, const TimeAxis& axis);

/// How much the last actions looked at each token: from dark to bright, by the square root of its
/// share of the highest values; grey where there was none. Requires source.action.
[[nodiscard]] stream::Image action_strip(const stream::TickTraceSource& source,
                                         const TimeAxis& axis);

/// Whether any action score is above 0.
[[nodiscard]] bool has_action(const stream::TickTraceSource& source) noexcept;

}  // namespace sluice::report
