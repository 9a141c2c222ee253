// Plots as inline SVG that stretches with the page. Text stays outside the SVG, in HTML, so that it
// keeps its size on a narrow screen. Colours are CSS classes: light and dark come from the page.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apps/report/time_axis.h"

namespace sluice::report {

/// Values in columns of equal width. NaN leaves a gap.
struct Series {
  std::string css_class;
  std::vector<double> values;
};

/// A bar from `begin` to `end` (shares of the axis).
struct Bar {
  double begin = 0, end = 0;
  double low = 0, high = 0;
};

/// Fragments for the inside of a panel, scaled to `maximum`.
[[nodiscard]] std::string stacked_steps(const std::vector<Series>& series, double maximum);
[[nodiscard]] std::string bars(const std::vector<Bar>& bars, std::string_view css_class,
                               double maximum);
[[nodiscard]] std::string vertical_line(double place, std::string_view css_class);
/// The values as a line without area.
[[nodiscard]] std::string step_line(const std::vector<double>& values, std::string_view css_class,
                                    double maximum);

struct LegendEntry {
  std::string css_class;
  std::string label;
};

struct ValueTick {
  double value = 0;
  std::string label;
};

/// One plot with a caption and a value axis. All text is escaped here.
struct Panel {
  std::string title;
  std::string note;         ///< behind the title, fainter
  std::string description;  ///< for screen readers
  std::vector<LegendEntry> legend;
  int height_px = 120;
  double maximum = 1;
  std::vector<ValueTick> ticks;
  std::string background;  ///< data URI of a picture that fills the panel; may be empty
  std::string content;     ///< SVG fragments
};

[[nodiscard]] std::string panel_html(const Panel& panel);
[[nodiscard]] std::string axis_html(const std::vector<TimeAxis::Tick>& ticks);

/// 0, and two to four round values above it; whole numbers only, for counts.
[[nodiscard]] std::vector<ValueTick> count_ticks(double maximum);
/// 0 %, 50 %, 100 %.
[[nodiscard]] std::vector<ValueTick> share_ticks();
/// A round value not below `value`, for the top of an axis.
[[nodiscard]] double round_maximum(double value);

}  // namespace sluice::report
