#include "apps/report/spatial_report.h"

#include "apps/report/html.h"
#include "apps/report/map_view.h"
#include "apps/report/report_blocks.h"
#include "apps/report/spatial_sections.h"

namespace sluice::report {

std::string spatial_report_html(const stream::SpatialTrace& trace, const Thumbnails& moments) {
  require_consistent(trace);
  const SpatialCounts counts = count(trace);
  std::string body = spatial_headline_section(trace, counts);
  if (trace.frames.empty()) {
    body += "<p class=\"lead\">No frame could be read.</p>\n";
  } else {
    body += spatial_filmstrip(trace, moments) + map_section(trace) +
            spatial_fates_section(trace, counts) + spatial_timeline_section(trace, counts) +
            spatial_moments_section(trace, moments);
  }
  body += spatial_reasons_section(trace, counts) + settings_section(trace.settings) +
          timings_section(trace.stage_ms, counts.frames) + spatial_footer_section(trace);
  return page("Sluice: " + trace.input, body);
}

void write_spatial_report(const stream::SpatialTrace& trace, const Thumbnails& moments,
                          const std::filesystem::path& path) {
  write_text(path, spatial_report_html(trace, moments));
}

}  // namespace sluice::report
