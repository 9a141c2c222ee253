// The report on a video in a memory of fixed size: one HTML file that needs nothing else.
#pragma once

#include <filesystem>
#include <string>

#include "apps/report/memory_trace.h"
#include "apps/report/thumbnails.h"

namespace sluice::report {

/// The page as text. Plots have at most 600 columns and lists an end, so that a page on a video of
/// any length stays small. `thumbnails`: pictures of some frames; may be empty. Throws
/// sluice::Error if the trace contradicts itself.
[[nodiscard]] std::string memory_report_html(const MemoryTrace& trace,
                                             const Thumbnails& thumbnails);

/// Writes memory_report_html(); the file appears complete or not at all.
void write_memory_report(const MemoryTrace& trace, const Thumbnails& thumbnails,
                         const std::filesystem::path& path);

}  // namespace sluice::report
