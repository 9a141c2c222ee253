// The report on a run over a recording: one HTML file that needs nothing else.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "apps/report/thumbnails.h"
#include "stream/trace.h"

namespace sluice::report {

/// The page as text. `thumbnails` holds the pictures of thumbnail_frames(), per source in the order
/// of `trace.sources`; missing ones are left out of the page. At most 60 segments are shown as
/// pictures and plots have at most 600 columns, so that a page of any recording stays below 8 MB.
/// Throws sluice::Error if the trace contradicts itself.
[[nodiscard]] std::string report_html(const stream::Trace& trace,
                                      std::span<const Thumbnails> thumbnails);

/// Writes report_html(); the file appears complete or not at all.
void write_report(const stream::Trace& trace, std::span<const Thumbnails> thumbnails,
                  const std::filesystem::path& path);

}  // namespace sluice::report
