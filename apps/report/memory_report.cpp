#include "apps/report/memory_report.h"

#include "apps/report/html.h"
#include "apps/report/memory_sections.h"
#include "apps/report/report_blocks.h"

namespace sluice::report {

std::string memory_report_html(const MemoryTrace& trace, const Thumbnails& thumbnails) {
  require_consistent(trace);
  const std::string body =
      memory_headline_section(trace) + memory_filmstrip(trace, thumbnails) +
      memory_timeline_section(trace) + memory_chapters_section(trace, thumbnails) +
      memory_incidents_section(trace) + settings_section(trace.settings) +
      timings_section(trace.stage_ms, trace.totals.frames) + memory_footer_section();
  return page("Sluice: " + trace.input, body);
}

void write_memory_report(const MemoryTrace& trace, const Thumbnails& thumbnails,
                         const std::filesystem::path& path) {
  write_text(path, memory_report_html(trace, thumbnails));
}

}  // namespace sluice::report
