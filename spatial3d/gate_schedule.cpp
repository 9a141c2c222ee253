#include "spatial3d/gate_schedule.h"

#include <algorithm>
#include <limits>

#include "kernels/error.h"
#include "kernels/rounding.h"

namespace sluice::spatial3d {
namespace {

// Token indices have 32 bits.
constexpr std::int64_t most_tokens = std::numeric_limits<std::int32_t>::max();

void check_token_count(std::int64_t spatial_tokens, std::string_view where) {
  if (spatial_tokens < 0 || spatial_tokens > most_tokens)
    throw input_error(where, concat(spatial_tokens, " spatial tokens"),
                      concat("0 to ", most_tokens));
}

void check_plan(const StagedRatios& plan, std::int64_t layers, std::string_view where) {
  for (std::size_t j = 0; j < plan.stages.size(); ++j) {
    const GateStage& stage = plan.stages[j];
    const std::string place = concat(where, ", stage ", j + 1);
    if (stage.layer < 0 || stage.layer >= layers)
      throw input_error(place, concat("layer ", stage.layer), concat("0 to ", layers - 1));
    if (!(stage.ratio > 0 && stage.ratio <= 1))
      throw input_error(place, concat("ratio ", stage.ratio), "above 0 and at most 1");
    if (j == 0) continue;
    const GateStage& before = plan.stages[j - 1];
    if (stage.layer <= before.layer)
      throw input_error(place, concat("layer ", stage.layer, " after layer ", before.layer),
                        "layers that strictly increase");
    if (stage.ratio > before.ratio)
      throw input_error(place, concat("ratio ", stage.ratio, " after ", before.ratio),
                        "ratios that never increase: dropped tokens do not come back");
  }
}

/// Percentages and counts obey the same rules: one per layer, in [0, most], never increasing.
template <typename Number>
void check_per_layer(const std::vector<Number>& values, Number most, std::string_view unit,
                     std::int64_t layers, std::string_view where) {
  if (static_cast<std::int64_t>(values.size()) != layers)
    throw input_error(where, concat(values.size(), " values"), concat("one per layer: ", layers));
  for (std::size_t l = 0; l < values.size(); ++l) {
    const std::string place = concat(where, ", layer ", l);
    if (!(values[l] >= 0 && values[l] <= most))
      throw input_error(place, concat(values[l], unit), concat("0 to ", most, unit));
    if (l > 0 && values[l] > values[l - 1])
      throw input_error(place, concat(values[l], unit, " after ", values[l - 1], unit),
                        "values that never increase: dropped tokens do not come back");
  }
}

void check_plan(const LayerPercents& plan, std::int64_t layers, std::string_view where) {
  check_per_layer(plan.percent, 100.0, " %", layers, where);
}

void check_plan(const LayerCounts& plan, std::int64_t layers, std::string_view where) {
  check_token_count(plan.spatial_tokens, where);
  check_per_layer(plan.counts, plan.spatial_tokens, " tokens", layers, where);
}

std::int64_t staged_count(std::int64_t spatial_tokens, double ratio) noexcept {
  return static_cast<std::int64_t>(static_cast<double>(spatial_tokens) * ratio);
}

std::int64_t percent_count(std::int64_t spatial_tokens, double percent,
                           CountRounding rounding) noexcept {
  const double count = static_cast<double>(spatial_tokens) * percent / 100;
  return rounding == CountRounding::down ? static_cast<std::int64_t>(count)
                                         : kernels::round_half_even(count);
}

std::vector<std::int64_t> counts_of(const StagedRatios& plan, std::int64_t layers,
                                    std::int64_t spatial_tokens) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(layers), spatial_tokens);
  for (const GateStage& stage : plan.stages)
    std::fill(counts.begin() + stage.layer, counts.end(),
              staged_count(spatial_tokens, stage.ratio));
  return counts;
}

std::vector<std::int64_t> counts_of(const LayerPercents& plan, std::int64_t /*layers*/,
                                    std::int64_t spatial_tokens) {
  std::vector<std::int64_t> counts;
  counts.reserve(plan.percent.size());
  for (const double percent : plan.percent)
    counts.push_back(percent_count(spatial_tokens, percent, plan.rounding));
  return counts;
}

std::vector<std::int64_t> counts_of(const LayerCounts& plan, std::int64_t /*layers*/,
                                    std::int64_t spatial_tokens) {
  if (plan.spatial_tokens != spatial_tokens)
    throw input_error("gate schedule",
                      concat("counts for ", plan.spatial_tokens, " spatial tokens"),
                      concat(spatial_tokens, ", or a schedule of ratios or percentages"));
  return plan.counts;
}

}  // namespace

void validate(const GateSchedule& schedule, std::string_view where) {
  if (schedule.layers < 1 || schedule.layers > 100'000)
    throw input_error(where, concat(schedule.layers, " layers"), "1 to 100000");
  std::visit([&](const auto& plan) { check_plan(plan, schedule.layers, where); }, schedule.plan);
}

std::vector<std::int64_t> layer_counts(const GateSchedule& schedule, std::int64_t spatial_tokens) {
  validate(schedule, "gate schedule");
  check_token_count(spatial_tokens, "gate schedule");
  return std::visit(
      [&](const auto& plan) { return counts_of(plan, schedule.layers, spatial_tokens); },
      schedule.plan);
}

std::vector<GateStep> gate_steps(const GateSchedule& schedule, std::int64_t spatial_tokens) {
  const std::vector<std::int64_t> counts = layer_counts(schedule, spatial_tokens);
  std::vector<GateStep> steps;
  std::int64_t n_in = spatial_tokens;
  const auto add = [&](std::int64_t layer) {
    const std::int64_t n_out = counts[static_cast<std::size_t>(layer)];
    steps.push_back({layer, n_in, n_out});
    n_in = n_out;
  };
  if (const auto* staged = std::get_if<StagedRatios>(&schedule.plan)) {
    for (const GateStage& stage : staged->stages) add(stage.layer);
  } else {
    for (std::int64_t layer = 0; layer < schedule.layers; ++layer)
      if (counts[static_cast<std::size_t>(layer)] != n_in) add(layer);
  }
  return steps;
}

double layer_cost(std::int64_t tokens, const ModelSize& model) noexcept {
  const auto n = static_cast<double>(tokens);
  const auto d = static_cast<double>(model.hidden_size);
  const auto m = static_cast<double>(model.intermediate_size);
  return 4 * n * d * d + 2 * n * n * d + 3 * n * d * m;
}

double flops_left(std::span<const std::int64_t> counts, std::int64_t spatial_tokens,
                  const ModelSize& model) {
  check_token_count(spatial_tokens, "gate schedule");
  if (model.hidden_size < 1 || model.intermediate_size < 0 || model.other_tokens < 0)
    throw input_error("model size",
                      concat("hidden size ", model.hidden_size, ", intermediate size ",
                             model.intermediate_size, ", other tokens ", model.other_tokens),
                      "a hidden size of 1 or more, the others not negative");
  const double full =
      static_cast<double>(counts.size()) * layer_cost(spatial_tokens + model.other_tokens, model);
  if (!(full > 0))
    throw input_error("gate schedule", "no layers or no tokens", "at least one of each");
  double left = 0;
  for (const std::int64_t count : counts) left += layer_cost(count + model.other_tokens, model);
  return left / full;
}

}  // namespace sluice::spatial3d
