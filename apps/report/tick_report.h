// The report on a loop's ticks: one HTML file that needs nothing else.
#pragma once

#include <filesystem>
#include <string>

#include "stream/tick_trace.h"

namespace sluice::report {

/// The page as text. Plots have at most 600 columns, so that a page on any number of ticks stays
/// small. Throws sluice::Error if the trace contradicts itself.
[[nodiscard]] std::string tick_report_html(const stream::TickTrace& trace);

/// Writes tick_report_html(); the file appears complete or not at all.
void write_tick_report(const stream::TickTrace& trace, const std::filesystem::path& path);

}  // namespace sluice::report
