// The sections of the report on a 3-D recording, each a function from the trace to HTML. Private to
// the report. The map is a section of its own: map_view.h.
#pragma once

#include <string>

#include "apps/report/spatial_statistics.h"
#include "apps/report/thumbnails.h"
#include "stream/spatial_trace.h"

namespace sluice::report {

/// What went in and what came out, and whether the budget was kept.
[[nodiscard]] std::string spatial_headline_section(const stream::SpatialTrace& trace,
                                                   const SpatialCounts& counts);
[[nodiscard]] std::string spatial_fates_section(const stream::SpatialTrace& trace,
                                                const SpatialCounts& counts);
/// A few moments in a row, as a first impression.
[[nodiscard]] std::string spatial_filmstrip(const stream::SpatialTrace& trace,
                                            const Thumbnails& moments);
[[nodiscard]] std::string spatial_moments_section(const stream::SpatialTrace& trace,
                                                  const Thumbnails& moments);
[[nodiscard]] std::string spatial_timeline_section(const stream::SpatialTrace& trace,
                                                   const SpatialCounts& counts);
/// Why tokens were kept, and what was lost.
[[nodiscard]] std::string spatial_reasons_section(const stream::SpatialTrace& trace,
                                                  const SpatialCounts& counts);
[[nodiscard]] std::string spatial_footer_section(const stream::SpatialTrace& trace);

}  // namespace sluice::report
