#include "apps/report/svg_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "apps/report/html.h"
#include "apps/report/units.h"

namespace sluice::report {
namespace {

// Panels are drawn in these units and stretched by the page.
constexpr double view_width = 1000;
constexpr double view_height = 100;

double x_of(double place) noexcept {
  return std::clamp(place, 0.0, 1.0) * view_width;
}
double y_of(double value, double maximum) noexcept {
  const double share = maximum > 0 ? std::clamp(value / maximum, 0.0, 1.0) : 0;
  return view_height * (1 - share);
}

/// The outline of `tops` above `bottoms` for the columns [first, last).
void append_steps(std::string& path, const std::vector<double>& bottoms,
                  const std::vector<double>& tops, std::size_t first, std::size_t last,
                  double maximum) {
  const auto edge = [&](std::size_t column) {
    return view_width * static_cast<double>(column) / static_cast<double>(tops.size());
  };
  path += fmt::format("M{:.2f} {:.2f}", edge(first), y_of(bottoms[first], maximum));
  for (std::size_t c = first; c < last; ++c) {
    path += fmt::format("V{:.2f}H{:.2f}", y_of(tops[c], maximum), edge(c + 1));
  }
  for (std::size_t c = last; c-- > first;) {
    path += fmt::format("V{:.2f}H{:.2f}", y_of(bottoms[c], maximum), edge(c));
  }
  path += 'Z';
}

std::string grid_lines(const Panel& panel) {
  std::string lines;
  for (const ValueTick& tick : panel.ticks) {
    lines +=
        fmt::format("<line class=\"grid\" x1=\"0\" x2=\"{0:.0f}\" y1=\"{1:.2f}\" y2=\"{1:.2f}\"/>",
                    view_width, y_of(tick.value, panel.maximum));
  }
  return lines;
}

}  // namespace

std::string stacked_steps(const std::vector<Series>& series, double maximum) {
  if (series.empty()) return {};
  std::vector<double> bottoms(series.front().values.size(), 0.0);
  std::string out;
  for (const Series& layer : series) {
    std::vector<double> tops = bottoms;
    for (std::size_t c = 0; c < tops.size(); ++c) {
      if (!std::isnan(layer.values[c])) tops[c] += layer.values[c];
    }
    std::string path;
    for (std::size_t first = 0; first < tops.size();) {
      // Each run of values is an outline of its own: empty stretches leave no hairline.
      const auto is_drawn = [&](std::size_t c) { return tops[c] > bottoms[c]; };
      if (!is_drawn(first)) {
        ++first;
        continue;
      }
      std::size_t last = first;
      while (last < tops.size() && is_drawn(last)) ++last;
      append_steps(path, bottoms, tops, first, last, maximum);
      first = last;
    }
    if (!path.empty()) {
      out += fmt::format("<path class=\"{}\" d=\"{}\"/>", escape(layer.css_class), path);
    }
    bottoms = std::move(tops);
  }
  return out;
}

std::string bars(const std::vector<Bar>& bars, std::string_view css_class, double maximum) {
  std::string path;
  for (const Bar& bar : bars) {
    if (!(bar.high > bar.low)) continue;
    const double top = y_of(bar.high, maximum);
    path += fmt::format("M{:.2f} {:.2f}H{:.2f}V{:.2f}H{:.2f}Z", x_of(bar.begin), top, x_of(bar.end),
                        y_of(bar.low, maximum), x_of(bar.begin));
  }
  if (path.empty()) return {};
  return fmt::format("<path class=\"{}\" d=\"{}\"/>", escape(css_class), path);
}

std::string vertical_line(double place, std::string_view css_class) {
  return fmt::format("<line class=\"{0}\" x1=\"{1:.2f}\" x2=\"{1:.2f}\" y1=\"0\" y2=\"{2:.0f}\"/>",
                     escape(css_class), x_of(place), view_height);
}

std::string step_line(const std::vector<double>& values, std::string_view css_class,
                      double maximum) {
  const auto edge = [&](std::size_t column) {
    return view_width * static_cast<double>(column) / static_cast<double>(values.size());
  };
  std::string path;
  bool is_drawing = false;
  for (std::size_t c = 0; c < values.size(); ++c) {
    if (std::isnan(values[c])) {
      is_drawing = false;
      continue;
    }
    const double y = y_of(values[c], maximum);
    path += is_drawing ? fmt::format("V{:.2f}", y) : fmt::format("M{:.2f} {:.2f}", edge(c), y);
    path += fmt::format("H{:.2f}", edge(c + 1));
    is_drawing = true;
  }
  if (path.empty()) return {};
  return fmt::format("<path class=\"{}\" fill=\"none\" d=\"{}\"/>", escape(css_class), path);
}

std::string panel_html(const Panel& panel) {
  std::string out =
      fmt::format("<figure class=\"panel\"><figcaption><b>{}</b>", escape(panel.title));
  if (!panel.note.empty())
    out += fmt::format(" <span class=\"note\">{}</span>", escape(panel.note));
  if (!panel.legend.empty()) out += "<span class=\"legend\">";
  for (const LegendEntry& entry : panel.legend) {
    out += fmt::format("<span><i class=\"swatch {}\"></i>{}</span>", escape(entry.css_class),
                       escape(entry.label));
  }
  if (!panel.legend.empty()) out += "</span>";
  out += fmt::format("</figcaption>\n<div class=\"plot\" style=\"height:{}px\"><div class=\"y\">",
                     panel.height_px);
  for (const ValueTick& tick : panel.ticks) {
    out += fmt::format("<span style=\"top:{:.2f}%\">{}</span>", y_of(tick.value, panel.maximum),
                       escape(tick.label));
  }
  out += "</div><div class=\"area\">";
  if (!panel.background.empty()) {
    out += fmt::format("<img class=\"strip\" alt=\"\" src=\"{}\"/>", panel.background);
  }
  out += fmt::format(
      "<svg viewBox=\"0 0 {:.0f} {:.0f}\" preserveAspectRatio=\"none\" role=\"img\" "
      "aria-label=\"{}\">{}{}</svg></div></div></figure>\n",
      view_width, view_height, escape(panel.description.empty() ? panel.title : panel.description),
      panel.background.empty() ? grid_lines(panel) : std::string(), panel.content);
  return out;
}

std::string axis_html(const std::vector<TimeAxis::Tick>& ticks) {
  std::string out = "<div class=\"x\">";
  for (const TimeAxis::Tick& tick : ticks) {
    out +=
        fmt::format("<span style=\"left:{:.2f}%\">{}</span>", 100 * tick.place, escape(tick.label));
  }
  return out + "</div>\n";
}

std::vector<ValueTick> count_ticks(double maximum) {
  const double step = std::max(1.0, tick_step(maximum, 3));
  std::vector<ValueTick> ticks;
  for (double value = 0; value <= maximum * (1 + 1e-9); value += step) {
    ticks.push_back({value, count_text(std::llround(value))});
  }
  return ticks;
}

std::vector<ValueTick> share_ticks() {
  return {{0, "0 %"}, {0.5, "50 %"}, {1, "100 %"}};
}

double round_maximum(double value) {
  if (!(value > 0)) return 1;
  const double step = tick_step(value, 4);
  return std::ceil(value / step - 1e-9) * step;
}

}  // namespace sluice::report
