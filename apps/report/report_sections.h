// The sections of the report, each a function from the trace to HTML. Private to the report.
#pragma once

#include <string>
#include <string_view>

#include "apps/report/thumbnails.h"
#include "apps/report/time_axis.h"
#include "stream/trace.h"

namespace sluice::report {

inline constexpr std::size_t max_plot_columns = 600;

/// One source of the trace, with what its sections share.
struct SourceView {
  const stream::SourceTrace& trace;
  std::string id;  ///< for anchors, unique on the page: "source-0"
  const TimeAxis& axis;
  double threshold = 0;  ///< τ
};

[[nodiscard]] std::string headline_section(const stream::Trace& trace);
[[nodiscard]] std::string fates_section(const stream::Trace& trace);
/// A few moments in a row, as a first impression.
[[nodiscard]] std::string filmstrip(const SourceView& view, const Thumbnails& thumbnails);
[[nodiscard]] std::string timeline_section(const SourceView& view);
[[nodiscard]] std::string similarity_section(const SourceView& view);
[[nodiscard]] std::string segments_section(const SourceView& view, const Thumbnails& thumbnails);
[[nodiscard]] std::string losses_section(const stream::Trace& trace);
[[nodiscard]] std::string settings_section(const stream::Trace& trace);
[[nodiscard]] std::string timings_section(const stream::Trace& trace);
[[nodiscard]] std::string footer_section();

/// For comparisons: the top of the axis that the next function needs, and the tokens kept per frame
/// on an axis up to `maximum`.
[[nodiscard]] double kept_per_frame_maximum(const SourceView& view);
[[nodiscard]] std::string kept_per_frame_panel(const SourceView& view, std::string_view title,
                                               std::string_view note, int height_px,
                                               double maximum);

}  // namespace sluice::report
