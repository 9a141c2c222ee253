#include "spatial3d/schedule_presets.h"

#include <algorithm>
#include <array>
#include <functional>

#include "kernels/error.h"
#include "spatial3d/decay_curve.h"

namespace sluice::spatial3d {
namespace {

using Plan = decltype(GateSchedule::plan);

StagedRatios staged(std::initializer_list<std::int64_t> layers,
                    std::initializer_list<double> ratios) {
  StagedRatios plan;
  const auto* ratio = ratios.begin();
  for (const std::int64_t layer : layers) plan.stages.push_back({layer, *ratio++});
  return plan;
}

/// 1659 − 1493·((l−1)/31)² tokens of 1659, rounded to the nearest, as the published code prints it.
LayerPercents quadratic(std::int64_t layers) {
  LayerPercents plan{.percent = {}, .rounding = CountRounding::nearest};
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    const double way = static_cast<double>(layer) / static_cast<double>(layers - 1);
    plan.percent.push_back(100 * (1659 - 1493 * (way * way)) / 1659);
  }
  return plan;
}

struct Entry {
  SchedulePreset preset;
  Plan (*plan)(std::int64_t layers);
};

// The optimiser's start value: the published fit was never recorded.
constexpr double start_rate = 0.1;

const std::array<Entry, 8> entries{{
    {{"class-default", "the model class's own stages; the only ones that run as published"},
     [](std::int64_t) -> Plan {
       return staged({8, 16, 24}, {.5, .25, .125});
     }},
    {{"scanqa",
      "model_scanqa.py; published with the pruner on, but these ratios are never handed to it, so "
      "that class-default ran"},
     [](std::int64_t) -> Plan {
       return staged({8, 16, 24}, {.8, .6, .4});
     }},
    {{"sqa3d", "model_sqa3d.py; the numbers of scanqa, published with the pruner switched off"},
     [](std::int64_t) -> Plan {
       return staged({8, 16, 24}, {.8, .6, .4});
     }},
    {{"run-llava-3d", "run_llava_3d.py; published with the pruner switched off"},
     [](std::int64_t) -> Plan {
       return staged({8, 16, 24}, {.8, .5, .25});
     }},
    {{"ate", "ATE_inference.py, the calibration; published with the pruner switched off"},
     [](std::int64_t) -> Plan {
       return staged({4, 8, 12, 16, 18, 20, 22, 24, 26, 28},
                     {.9, .8, .75, .7, .6, .55, .5, .45, .4, .25});
     }},
    {{"plot3d", "PLOT3D.py; published with the pruner switched off"},
     [](std::int64_t) -> Plan {
       return staged({4, 8, 12, 16, 18, 20}, {.75, .5, .4, .3, .25, .15});
     }},
    {{"exponential",
      "the fitted curve at the optimiser's start B = 0.1; only printed, never wired"},
     [](std::int64_t layers) -> Plan { return decay_plan(start_rate, layers); }},
    {{"quadratic", "the concave curve of print.py, 100 % to 10 %; only printed, never wired"},
     [](std::int64_t layers) -> Plan { return quadratic(layers); }},
}};

constexpr std::int64_t fewest_layers = 2;

}  // namespace

std::span<const SchedulePreset> schedule_presets() noexcept {
  static const auto presets = [] {
    std::array<SchedulePreset, entries.size()> out;
    std::transform(entries.begin(), entries.end(), out.begin(), std::mem_fn(&Entry::preset));
    return out;
  }();
  return presets;
}

GateSchedule preset_schedule(std::string_view name, std::int64_t layers) {
  const auto* const entry = std::find_if(entries.begin(), entries.end(),
                                         [&](const Entry& e) { return e.preset.name == name; });
  if (entry == entries.end()) {
    std::string known;
    for (const Entry& e : entries) known.append(known.empty() ? "" : ", ").append(e.preset.name);
    throw input_error("gate schedule", concat("no preset '", name, "'"), known);
  }
  if (layers < fewest_layers)
    throw input_error("gate schedule", concat(layers, " layers"),
                      concat(fewest_layers, " or more"));
  GateSchedule schedule{.name = std::string(name),
                        .description = std::string(entry->preset.description),
                        .layers = layers,
                        .plan = entry->plan(layers)};
  validate(schedule, concat("preset ", name));
  return schedule;
}

}  // namespace sluice::spatial3d
