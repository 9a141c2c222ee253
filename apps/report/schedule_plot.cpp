#include "apps/report/schedule_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "apps/report/html.h"
#include "apps/report/report_blocks.h"
#include "apps/report/summary.h"
#include "apps/report/svg_plot.h"
#include "apps/report/units.h"
#include "kernels/error.h"

namespace sluice::report {
namespace {

constexpr int panel_height_px = 170;
constexpr std::string_view fitted_style =
    "fill:none;stroke:var(--kept);stroke-width:2.5;vector-effect:non-scaling-stroke";

void require_consistent(const SchedulePlot& plot) {
  const std::size_t layers = plot.counts.size();
  const auto fits = [](std::size_t actual, std::size_t wanted) {
    return actual == 0 || actual == wanted;
  };
  if (layers == 0) throw input_error("schedule plot", "no layers", "one or more");
  if (!fits(plot.intra.size(), layers) || plot.inter.size() != plot.intra.size() ||
      !fits(plot.contribution.size(), layers - 1) || !fits(plot.contribution_curve.size(), layers))
    throw input_error("schedule plot", "columns of unequal length",
                      concat("values for ", layers, " layers"));
}

std::vector<double> as_doubles(const std::vector<std::int64_t>& counts) {
  return {counts.begin(), counts.end()};
}

/// A line through the middles of its columns, as the inside of a panel wants it.
std::string line(const std::vector<double>& values, double maximum) {
  std::string points;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double x = 1000 * (static_cast<double>(i) + 0.5) / static_cast<double>(values.size());
    const double y = 100 * (1 - std::clamp(values[i] / maximum, 0.0, 1.0));
    points += fmt::format("{}{:.2f},{:.2f}", i == 0 ? "" : " ", x, y);
  }
  return fmt::format("<polyline style=\"{}\" points=\"{}\"/>", fitted_style, points);
}

std::string layer_axis(std::size_t layers) {
  std::vector<TimeAxis::Tick> ticks;
  const auto step = static_cast<std::size_t>(
      std::max(1.0, layers <= 48 ? std::ceil(static_cast<double>(layers) / 16) * 2
                                 : tick_step(static_cast<double>(layers), 12)));
  for (std::size_t l = 0; l < layers; l += step)
    ticks.push_back({(static_cast<double>(l) + 0.5) / static_cast<double>(layers),
                     l == 0 ? "layer 0" : fmt::format("{}", l)});
  return axis_html(ticks);
}

Panel tokens_panel(const SchedulePlot& plot) {
  std::vector<double> dropped;
  dropped.reserve(plot.counts.size());
  for (const std::int64_t count : plot.counts)
    dropped.push_back(static_cast<double>(plot.spatial_tokens - count));
  Panel panel{.title = "Spatial tokens per layer",
              .note = fmt::format("of {}", count_text(plot.spatial_tokens)),
              .description = "Number of spatial tokens that each layer sees",
              .legend = {{"kept", "seen"}, {"dropped", "dropped before"}},
              .height_px = panel_height_px,
              .maximum = std::max(1.0, static_cast<double>(plot.spatial_tokens)),
              .ticks = {},
              .background = {},
              .content = {}};
  panel.ticks = count_ticks(panel.maximum);
  panel.content =
      stacked_steps({{"kept", as_doubles(plot.counts)}, {"dropped", dropped}}, panel.maximum);
  return panel;
}

Panel contribution_panel(const SchedulePlot& plot) {
  // The first layer has no contribution of its own: it starts the running sum.
  std::vector<double> values{std::numeric_limits<double>::quiet_NaN()};
  values.insert(values.end(), plot.contribution.begin(), plot.contribution.end());
  Panel panel{.title = "Contribution of the spatial tokens",
              .note = "from 0 at its least to 100 % at its most",
              .description = "Normalised contribution per layer and the fitted curve",
              .legend = {{"merged", "measured"}},
              .height_px = panel_height_px,
              .maximum = 1,
              .ticks = share_ticks(),
              .background = {},
              .content = stacked_steps({{"merged", values}}, 1)};
  if (!plot.contribution_curve.empty()) {
    panel.legend.push_back({"kept", "fitted share of tokens"});
    panel.content += line(plot.contribution_curve, 100);
  }
  return panel;
}

Panel flow_panel(const SchedulePlot& plot) {
  double most = 0;
  for (std::size_t l = 0; l < plot.intra.size(); ++l)
    most = std::max(most, plot.intra[l] + plot.inter[l]);
  Panel panel{.title = "Information flow",
              .note = "block attention, summed, in percent",
              .description = "Attention among spatial tokens and to and from them, per layer",
              .legend = {{"merged", "among spatial tokens"}, {"kept", "system and text"}},
              .height_px = panel_height_px,
              .maximum = round_maximum(most),
              .ticks = {},
              .background = {},
              .content = {}};
  for (double value = 0; value <= panel.maximum * (1 + 1e-9); value += panel.maximum / 2)
    panel.ticks.push_back({value, value == 0 ? "0" : number_text(value)});
  panel.content = stacked_steps({{"merged", plot.intra}, {"kept", plot.inter}}, panel.maximum);
  return panel;
}

std::string share_tile(std::string_view css_class, std::string_view label, double share,
                       std::string_view meaning) {
  return fmt::format(
      "<div class=\"card tile {}\"><span class=\"eyebrow\">{}</span><b>{}</b>"
      "<span class=\"note\">{}</span><div class=\"of\"><i "
      "style=\"width:{:.3f}%\"></i></div></div>\n",
      css_class, label, percent_text(share, 1), escape(meaning), 100 * std::clamp(share, 0.0, 1.0));
}

std::string tiles(const SchedulePlot& plot) {
  const auto layers = static_cast<double>(plot.counts.size());
  const auto all = static_cast<double>(plot.spatial_tokens) * layers;
  const double seen = std::accumulate(plot.counts.begin(), plot.counts.end(), 0.0);
  const auto last = static_cast<double>(plot.counts.back());
  const auto whole = static_cast<double>(plot.spatial_tokens);
  return "<div class=\"tiles\">\n" +
         share_tile("is-kept", "FLOPs left", plot.flops_left,
                    "of the prefill’s multiply-adds, all tokens counted") +
         share_tile("", "Tokens, mean over layers", all > 0 ? seen / all : 1,
                    fmt::format("{} of {} a layer", number_text(seen / layers),
                                count_text(plot.spatial_tokens))) +
         share_tile("", "Tokens in the last layer", whole > 0 ? last / whole : 1,
                    fmt::format("{} of {}", count_text(plot.counts.back()),
                                count_text(plot.spatial_tokens))) +
         "</div>\n";
}

std::string table(const SchedulePlot& plot) {
  const auto cell = [](const std::vector<double>& values, std::size_t i, double scale) {
    return i < values.size() ? fmt::format("<td class=\"n\">{:.4g}</td>", scale * values[i])
                             : std::string("<td class=\"n\">–</td>");
  };
  std::string out =
      "<details><summary>Every layer in numbers</summary>\n<div class=\"card "
      "scroll\"><table><thead>"
      "<tr><th class=\"n\">Layer</th><th class=\"n\">Spatial tokens</th>"
      "<th class=\"n\">Share</th><th class=\"n\">Fitted %</th>"
      "<th class=\"n\">Contribution %</th><th class=\"n\">Among spatial</th>"
      "<th class=\"n\">System and text</th></tr></thead><tbody>\n";
  for (std::size_t l = 0; l < plot.counts.size(); ++l) {
    const auto contribution =
        l == 0 ? std::string("<td class=\"n\">–</td>") : cell(plot.contribution, l - 1, 100);
    out += fmt::format(
        "<tr><td class=\"n\">{}</td><td class=\"n\"><b>{}</b></td><td class=\"n\">{}</td>", l,
        count_text(plot.counts[l]),
        percent_text(static_cast<double>(plot.counts[l]),
                     static_cast<double>(plot.spatial_tokens)));
    out += cell(plot.contribution_curve, l, 1) + contribution + cell(plot.intra, l, 1) +
           cell(plot.inter, l, 1) + "</tr>\n";
  }
  return out + "</tbody></table></div></details>\n";
}

}  // namespace

std::string schedule_html(const SchedulePlot& plot) {
  require_consistent(plot);
  std::string body = "<header>\n" + page_heading("gate schedule", plot.name) +
                     fmt::format("<p class=\"lead\">{}</p>\n", escape(plot.description)) +
                     fact_list(plot.facts) + "</header>\n" + tiles(plot);
  for (const std::string& warning : plot.warnings)
    body +=
        fmt::format("<div class=\"badge bad\"><b>Note</b><span>{}</span></div>\n", escape(warning));
  body +=
      "<h2>From layer to layer</h2>\n<p>Layers are counted from 0. A layer sees what the gate in "
      "front of it lets through.</p>\n<div class=\"card timeline\">\n";
  body += panel_html(tokens_panel(plot));
  if (!plot.contribution.empty()) body += panel_html(contribution_panel(plot));
  if (!plot.intra.empty()) body += panel_html(flow_panel(plot));
  body += layer_axis(plot.counts.size()) + "</div>\n" + table(plot);
  body += fmt::format(
      "<footer>Made by Sluice {}. This page needs no network and holds no external "
      "resources.</footer>\n",
      sluice_version());
  return page("Sluice gate schedule: " + plot.name, body);
}

void write_schedule_plot(const SchedulePlot& plot, const std::filesystem::path& path) {
  write_text(path, schedule_html(plot));
}

}  // namespace sluice::report
