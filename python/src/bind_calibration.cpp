#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "python/src/bindings.h"
#include "python/src/fields.h"
#include "python/src/resource_pool.h"
#include "python/src/tensor_argument.h"
#include "spatial3d/decay_curve.h"
#include "spatial3d/gate_schedule.h"
#include "spatial3d/information_flow.h"
#include "spatial3d/schedule_fit.h"
#include "spatial3d/schedule_presets.h"

namespace sluice::python {
namespace {

namespace nb = nanobind;
using namespace spatial3d;  // NOLINT: this file is about nothing else

template <typename T>
std::vector<T> list_of(nb::handle values, const char* name) {
  std::vector<T> list;
  for (nb::handle value : nb::iter(values)) list.push_back(value_of<T>(value, name));
  return list;
}

template <typename T>
nb::tuple tuple_of(const std::vector<T>& values) {
  nb::list list;
  for (const T& value : values) list.append(value);
  return nb::tuple(list);
}

/// A plan of the package: its class has the same name.
GateSchedule schedule_from(nb::handle object) {
  GateSchedule schedule;
  schedule.name = field<std::string>(object, "name");
  schedule.description = field<std::string>(object, "description");
  schedule.layers = field<std::int64_t>(object, "layers");
  const nb::object plan = object.attr("plan");
  if (nb::hasattr(plan, "stages")) {
    StagedRatios staged;
    for (nb::handle stage : nb::iter(plan.attr("stages")))
      staged.stages.push_back({field<std::int64_t>(stage, "layer"), field<double>(stage, "ratio")});
    schedule.plan = staged;
  } else if (nb::hasattr(plan, "percent")) {
    schedule.plan = LayerPercents{list_of<double>(plan.attr("percent"), "percent"),
                                  choice<CountRounding>(plan.attr("rounding"), "rounding",
                                                        {{"down", CountRounding::down},
                                                         {"nearest", CountRounding::nearest}})};
  } else if (nb::hasattr(plan, "counts")) {
    schedule.plan = LayerCounts{field<std::int64_t>(plan, "spatial_tokens"),
                                list_of<std::int64_t>(plan.attr("counts"), "counts")};
  } else {
    throw input_error("plan", concat("is ", nb::repr(plan).c_str()),
                      "StagedRatios, LayerPercents or LayerCounts");
  }
  validate(schedule, "gate schedule");
  return schedule;
}

/// ("stages", [(layer, ratio)]), ("percent", [number], rounding) or ("counts", [number], S).
nb::tuple plan_fields(const GateSchedule& schedule) {
  if (const auto* staged = std::get_if<StagedRatios>(&schedule.plan)) {
    nb::list stages;
    for (const GateStage& stage : staged->stages)
      stages.append(nb::make_tuple(stage.layer, stage.ratio));
    return nb::make_tuple("stages", nb::tuple(stages));
  }
  if (const auto* percents = std::get_if<LayerPercents>(&schedule.plan))
    return nb::make_tuple("percent", tuple_of(percents->percent),
                          percents->rounding == CountRounding::down ? "down" : "nearest");
  const auto& counts = std::get<LayerCounts>(schedule.plan);
  return nb::make_tuple("counts", tuple_of(counts.counts), counts.spatial_tokens);
}

ModelSize model_from(nb::handle object) {
  return {.hidden_size = field<std::int64_t>(object, "hidden_size"),
          .intermediate_size = field<std::int64_t>(object, "intermediate_size"),
          .other_tokens = field<std::int64_t>(object, "other_tokens")};
}

nb::tuple measure_layer(nb::handle attention_, const TokenLayout& layout, nb::handle pool,
                        nb::handle borders) {
  const FlowOptions options{.pool = value_of<std::int64_t>(pool, "pool"),
                            .borders = choice<BlockBorders>(borders, "borders",
                                                            {{"segments", BlockBorders::segments},
                                                             {"parity", BlockBorders::parity}})};
  const TensorArgument attention(attention_, "attention");
  LayerFlow flow;
  {
    const nb::gil_scoped_release release;
    BorrowedResources resources;
    flow = layer_flow(resources, attention.view(), layout, options);
  }
  return nb::make_tuple(flow.intra, flow.inter);
}

/// flow: [layers] of (intra, inter) → {"memory", "raw", "normalised", "fit"}; fit is None, or
/// (rate, error, explained, at_limit).
nb::dict fit(nb::handle flow) {
  std::vector<LayerFlow> layers;
  for (nb::handle layer : nb::iter(flow))
    layers.push_back({value_of<double>(nb::object(layer[0]), "flow"),
                      value_of<double>(nb::object(layer[1]), "flow")});
  Contribution result;
  std::optional<ScheduleFit> found;
  {
    const nb::gil_scoped_release release;
    result = contribution(layers);
    found = fit_schedule(result.normalised);
  }
  nb::dict fields;
  fields["memory"] = tuple_of(result.memory);
  fields["raw"] = tuple_of(result.raw);
  fields["normalised"] = tuple_of(result.normalised);
  fields["fit"] = nb::none();
  if (found)
    fields["fit"] = nb::make_tuple(found->rate, found->error, found->explained, found->at_limit);
  return fields;
}

nb::tuple fitted_plan(double rate, std::int64_t layers, nb::handle stages) {
  GateSchedule schedule{.name = "calibrated", .description = {}, .layers = layers, .plan = {}};
  if (stages.is_none())
    schedule.plan = decay_plan(rate, layers);
  else
    schedule.plan = decay_plan(rate, layers, list_of<std::int64_t>(stages, "stages"));
  validate(schedule, "stages");
  return plan_fields(schedule);
}

nb::list presets() {
  nb::list list;
  for (const SchedulePreset& preset : schedule_presets())
    list.append(nb::make_tuple(std::string(preset.name), std::string(preset.description)));
  return list;
}

std::int64_t count_of(nb::handle spatial_tokens) {
  return value_of<std::int64_t>(spatial_tokens, "spatial_tokens");
}

nb::list steps(nb::handle schedule, nb::handle spatial_tokens) {
  nb::list list;
  for (const GateStep& step : gate_steps(schedule_from(schedule), count_of(spatial_tokens)))
    list.append(nb::make_tuple(step.layer, step.n_in, step.n_out));
  return list;
}

}  // namespace

void bind_calibration(nb::module_& module) {
  module.def(
      "measure_layer",
      [](nb::handle attention, std::int64_t system, std::int64_t spatial, std::int64_t text,
         nb::handle pool, nb::handle borders) {
        return measure_layer(attention, {system, spatial, text}, pool, borders);
      },
      nb::arg("attention"), nb::arg("system"), nb::arg("spatial"), nb::arg("text"),
      nb::arg("pool").none(), nb::arg("borders").none(),
      "(intra, inter) of one layer's attention map.");
  module.def("fit_schedule", &fit, nb::arg("flow"),
             "What layers contribute, and the fitted decay.");
  module.def("fitted_plan", &fitted_plan, nb::arg("rate"), nb::arg("layers").none(),
             nb::arg("stages").none());
  module.def("schedule_presets", &presets, "(name, description) of each.");
  module.def(
      "preset_plan",
      [](nb::handle name, nb::handle layers) {
        return plan_fields(preset_schedule(value_of<std::string>(name, "name"),
                                           value_of<std::int64_t>(layers, "layers")));
      },
      nb::arg("name").none(), nb::arg("layers").none());
  module.def(
      "check_schedule", [](nb::handle schedule) { (void)schedule_from(schedule); },
      nb::arg("schedule").none(), "Raises InputError for a schedule that breaks its rules.");
  module.def(
      "layer_counts",
      [](nb::handle schedule, nb::handle spatial_tokens) {
        return tuple_of(layer_counts(schedule_from(schedule), count_of(spatial_tokens)));
      },
      nb::arg("schedule").none(), nb::arg("spatial_tokens").none());
  module.def("gate_steps", &steps, nb::arg("schedule").none(), nb::arg("spatial_tokens").none());
  module.def(
      "flops_left",
      [](nb::handle schedule, nb::handle spatial_tokens, nb::handle model) {
        const std::int64_t count = count_of(spatial_tokens);
        return flops_left(layer_counts(schedule_from(schedule), count), count, model_from(model));
      },
      nb::arg("schedule").none(), nb::arg("spatial_tokens").none(), nb::arg("model").none());
}

}  // namespace sluice::python
