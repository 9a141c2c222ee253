#include "apps/report/report.h"

#include <fmt/format.h>

#include "apps/report/html.h"
#include "apps/report/report_sections.h"
#include "apps/report/trace_statistics.h"

namespace sluice::report {

std::string report_html(const stream::Trace& trace, std::span<const Thumbnails> thumbnails) {
  require_consistent(trace);
  static const Thumbnails no_thumbnails;
  std::string body = headline_section(trace);
  std::string sources;
  for (std::size_t s = 0; s < trace.sources.size(); ++s) {
    const stream::SourceTrace& source = trace.sources[s];
    if (trace.sources.size() > 1) {
      sources += fmt::format("<h2>Source {}</h2>\n", escape(source.source.id));
    }
    if (source.frames() == 0) {
      sources += "<p class=\"lead\">No frame could be read.</p>\n";
      continue;
    }
    const TimeAxis axis(source.pts, max_plot_columns);
    const SourceView view{source, fmt::format("source-{}", s), axis, trace.tau};
    const Thumbnails& pictures = s < thumbnails.size() ? thumbnails[s] : no_thumbnails;
    if (s == 0) body += filmstrip(view, pictures);
    sources += timeline_section(view) + segments_section(view, pictures) + similarity_section(view);
  }
  body += fates_section(trace) + sources + losses_section(trace) + settings_section(trace) +
          timings_section(trace) + footer_section();
  return page("Sluice: " + trace.input, body);
}

void write_report(const stream::Trace& trace, std::span<const Thumbnails> thumbnails,
                  const std::filesystem::path& path) {
  write_text(path, report_html(trace, thumbnails));
}

}  // namespace sluice::report
