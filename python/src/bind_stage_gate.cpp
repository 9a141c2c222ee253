#include <algorithm>
#include <functional>

#include "python/src/bindings.h"
#include "python/src/fields.h"
#include "python/src/prompt_attention.h"
#include "python/src/tensor_argument.h"
#include "python/src/tensor_result.h"
#include "spatial3d/stage_gate.h"

namespace sluice::python {
namespace {

namespace nb = nanobind;
using spatial3d::PositionMode;

nb::dict stage_gate(nb::handle attention_, std::int64_t span_start, std::int64_t n_in,
                    std::int64_t n_out, nb::handle positions, nb::handle position_ids_) {
  const auto mode = choice<PositionMode>(positions, "positions",
                                         {{"original", PositionMode::original},
                                          {"compacted", PositionMode::compacted},
                                          {"renumbered", PositionMode::renumbered}});
  const TensorArgument attention(attention_, "attention");
  const TensorArgument position_ids(position_ids_, "position_ids");
  if (!attention.given())
    throw input_error("attention", "is None", "[tokens] or [heads, tokens]: gates need it");
  spatial3d::StageDecision decision;
  {
    const nb::gil_scoped_release release;
    const std::vector<double> mean = mean_over_heads(attention);
    std::vector<std::int64_t> ids;
    if (position_ids.given()) {
      position_ids.require_shape({std::ssize(mean)}, "[tokens]");
      ids = position_ids.integers();
      const auto wrong = std::adjacent_find(ids.begin(), ids.end(), std::greater_equal<>());
      if (wrong != ids.end())
        throw input_error("position_ids", concat(*(wrong + 1), " after ", *wrong),
                          "ids that strictly increase");
    }
    gate_stage({.attention = mean,
                .span_start = span_start,
                .n_in = n_in,
                .n_out = n_out,
                .positions = mode,
                .position_ids = ids},
               decision);
  }
  nb::dict fields;
  fields["keep"] = tensor_result(std::move(decision.keep));
  fields["keep_in_span"] = tensor_result(std::move(decision.keep_in_span));
  fields["position_ids"] = tensor_result(std::move(decision.position_ids));
  fields["decode_shift"] = decision.decode_shift;
  return fields;
}

}  // namespace

void bind_stage_gate(nb::module_& module) {
  module.def("stage_gate", &stage_gate, nb::arg("attention").none(), nb::arg("span_start"),
             nb::arg("n_in"), nb::arg("n_out"), nb::arg("positions").none(),
             nb::arg("position_ids").none(),
             "One stage of a gate inside a language model; see sluice.stage_gate.");
}

}  // namespace sluice::python
