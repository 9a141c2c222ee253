// The sections of the report on a loop's ticks, each a function from the trace to HTML. Private to
// the report.
#pragma once

#include <string>

#include "apps/report/tick_statistics.h"
#include "stream/tick_trace.h"

namespace sluice::report {

/// What went in and what came out, and whether budget and log were kept to.
[[nodiscard]] std::string tick_headline_section(const stream::TickTrace& trace,
                                                const TickCounts& counts);
/// Budget, kept set, history and feedback over time.
[[nodiscard]] std::string tick_timeline_section(const stream::TickTrace& trace);
/// Why tokens were kept, by source.
[[nodiscard]] std::string tick_reasons_section(const stream::TickTrace& trace,
                                               const TickCounts& counts);
/// What became of the model's answers.
[[nodiscard]] std::string tick_feedback_section(const stream::TickTrace& trace,
                                                const TickCounts& counts);
[[nodiscard]] std::string tick_incidents_section(const stream::TickTrace& trace,
                                                 const TickCounts& counts);
[[nodiscard]] std::string tick_footer_section();

}  // namespace sluice::report
