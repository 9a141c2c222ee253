#include "apps/schedule_output.h"

#include <fmt/format.h>

#include <algorithm>

#include "apps/report/html.h"
#include "apps/report/schedule_plot.h"
#include "spatial3d/decay_curve.h"

namespace sluice::apps {
namespace {

std::vector<std::string> warnings_of(const ScheduleDetails& details) {
  if (!details.fit || details.fit->explained > 0) return {};
  return {
      "No decay follows this contribution: the fitted curve is no better than a constant. The "
      "running sum in the published formula tends to rise with depth. A preset may serve as well."};
}

std::string fit_text(const spatial3d::ScheduleFit& fit) {
  return fmt::format("B = {:.4g}{}, {}", fit.rate, fit.at_limit ? " (the limit)" : "",
                     fit.explained > 0
                         ? fmt::format("explains {:.1f} % of the contribution", 100 * fit.explained)
                         : "worse than a constant");
}

report::SchedulePlot plot_of(const spatial3d::GateSchedule& schedule,
                             const ScheduleDetails& details) {
  report::SchedulePlot plot;
  plot.name = schedule.name;
  plot.description = schedule.description;
  plot.warnings = warnings_of(details);
  plot.spatial_tokens = details.spatial_tokens;
  plot.counts = details.counts;
  plot.flops_left = details.flops_left;
  plot.facts.push_back(fmt::format("{} layers", schedule.layers));
  plot.facts.push_back(fmt::format("{} spatial and {} other tokens", details.spatial_tokens,
                                   details.model.other_tokens));
  if (details.samples == 0) return plot;
  plot.facts.push_back(
      fmt::format("attention of {} sample{}", details.samples, details.samples == 1 ? "" : "s"));
  for (const auto& flow : details.flow) {
    plot.intra.push_back(flow.intra);
    plot.inter.push_back(flow.inter);
  }
  plot.contribution = details.contribution.normalised;
  if (!details.fit) return plot;
  plot.facts.push_back(fit_text(*details.fit));
  plot.contribution_curve = spatial3d::decay_plan(details.fit->rate, schedule.layers).percent;
  return plot;
}

}  // namespace

void print_schedule(const spatial3d::GateSchedule& schedule, const ScheduleDetails& details) {
  fmt::print("{}: {}\n", schedule.name, schedule.description);
  if (details.samples > 0)
    fmt::print("Measured: {} of {} layers, {} system + {} spatial + {} text tokens\n",
               details.samples == 1 ? "1 sample" : fmt::format("{} samples", details.samples),
               schedule.layers, details.layout.system, details.layout.spatial, details.layout.text);
  if (details.fit) fmt::print("Fit: {}\n", fit_text(*details.fit));
  fmt::print("\n{:>6}  {:>14}  {:>6}\n", "layer", "spatial tokens", "share");
  const auto row = [&](std::int64_t layer, std::int64_t count) {
    fmt::print("{:>6}  {:>14}  {:>4.0f} %\n", layer, count,
               100.0 * static_cast<double>(count) /
                   static_cast<double>(std::max<std::int64_t>(1, details.spatial_tokens)));
  };
  // Few steps are listed one by one, a curve in about eight places.
  const auto steps = gate_steps(schedule, details.spatial_tokens);
  if (steps.size() <= 12) {
    if (steps.empty() || steps.front().layer > 0) row(0, details.spatial_tokens);
    for (const auto& step : steps) row(step.layer, step.n_out);
  } else {
    const std::int64_t last = schedule.layers - 1;
    for (std::int64_t i = 0; i <= 8; ++i) {
      const std::int64_t layer = last * i / 8;
      row(layer, details.counts[static_cast<std::size_t>(layer)]);
    }
  }
  fmt::print("\nFLOPs left: {:.1f} % of a prefill of {} + {} tokens\n", 100 * details.flops_left,
             details.spatial_tokens, details.model.other_tokens);
  for (const auto& warning : warnings_of(details)) fmt::print(stderr, "sluice: {}\n", warning);
}

std::filesystem::path plot_path(const std::filesystem::path& output) {
  std::filesystem::path plot = output;
  return plot.replace_extension(".html");
}

void write_schedule(const std::filesystem::path& output, const spatial3d::GateSchedule& schedule,
                    const ScheduleDetails& details) {
  report::write_text(output, schedule_json(schedule, details));
  report::write_schedule_plot(plot_of(schedule, details), plot_path(output));
  fmt::print("Wrote {} and {}\n", output.string(), plot_path(output).string());
}

}  // namespace sluice::apps
