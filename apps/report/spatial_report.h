// The report on a run over a 3-D recording: one HTML file that needs nothing else.
#pragma once

#include <filesystem>
#include <string>

#include "apps/report/thumbnails.h"
#include "stream/spatial_trace.h"

namespace sluice::report {

/// Pictures that a page shows at most.
inline constexpr std::size_t max_spatial_moments = 24;

/// The page as text. `moments` are small pictures of some frames with the tokens drawn into them;
/// may be empty. Plots have at most 600 columns and maps at most 360 squares across, so that a page
/// of any recording stays small. Throws sluice::Error if the trace contradicts itself.
[[nodiscard]] std::string spatial_report_html(const stream::SpatialTrace& trace,
                                              const Thumbnails& moments);

/// Writes spatial_report_html(); the file appears complete or not at all.
void write_spatial_report(const stream::SpatialTrace& trace, const Thumbnails& moments,
                          const std::filesystem::path& path);

}  // namespace sluice::report
