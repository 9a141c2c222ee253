#include "apps/report/tick_report.h"

#include "apps/report/html.h"
#include "apps/report/report_blocks.h"
#include "apps/report/tick_sections.h"

namespace sluice::report {

std::string tick_report_html(const stream::TickTrace& trace) {
  require_consistent(trace);
  const TickCounts counts = count(trace);
  std::string body = tick_headline_section(trace, counts);
  if (trace.ticks.empty()) body += "<p class=\"lead\">There was no tick.</p>\n";
  body += tick_timeline_section(trace) + tick_reasons_section(trace, counts) +
          tick_feedback_section(trace, counts) + tick_incidents_section(trace, counts) +
          settings_section(trace.settings) + timings_section(trace.stage_ms, counts.ticks, "tick") +
          tick_footer_section();
  return page("Sluice: " + trace.input, body);
}

void write_tick_report(const stream::TickTrace& trace, const std::filesystem::path& path) {
  write_text(path, tick_report_html(trace));
}

}  // namespace sluice::report
