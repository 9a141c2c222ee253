#include "apps/loop/loop_preset.h"

#include <fmt/format.h>

#include "apps/open_spatial_input.h"
#include "kernels/error.h"
#include "kernels/rounding.h"

namespace sluice::apps {
namespace {

constexpr std::int64_t camera_tokens = std::int64_t{openvla_grid} * openvla_grid;

bool has_pictures(const std::string& source) {
  switch (kind_of(source)) {
    case InputKind::video: return true;
    case InputKind::spatial: return spatial_kind_of(source) != SpatialKind::clouds;
    case InputKind::feature_file:
    case InputKind::feature_endpoint: break;
  }
  return false;
}

}  // namespace

LoopInputConfig apply_preset(LoopConfig& config, std::size_t inputs, const std::string& where) {
  LoopInputConfig input;
  if (config.preset == "none") {
    if (config.prune_ratio)
      throw input_error(where, "a prune_ratio without a preset",
                        "budget.tokens, which says how many are kept");
    return input;
  }
  const bool is_oft = config.preset == "openvla-oft";
  if (!is_oft && inputs > 1)
    throw input_error(where, fmt::format("preset \"openvla\" with {} inputs", inputs),
                      "one [[input]]; preset \"openvla-oft\" is for several cameras");
  const double ratio = config.prune_ratio.value_or(is_oft ? 0.75 : 0.5);
  const std::int64_t per_camera =
      kernels::round_half_even(static_cast<double>(camera_tokens) * (1 - ratio));
  config.engine.action_history.window = 3;
  config.engine.action_history.decay = 0.8;
  config.engine.budget.controller = "fixed";
  config.engine.budget.tokens = per_camera * static_cast<std::int64_t>(inputs);
  input.max_rows = camera_tokens;
  if (is_oft) {
    // Each camera is pruned by itself: no camera's tokens can go to another.
    input.source.floor = per_camera;
    input.source.cap = per_camera;
  }
  return input;
}

void apply_preset_grid(const LoopConfig& config, LoopInputConfig& input) {
  if (config.preset != "none" && !input.input.grid && has_pictures(input.input.input))
    input.input.grid = fmt::format("{},{}", openvla_grid, openvla_grid);
}

}  // namespace sluice::apps
