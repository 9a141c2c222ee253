#include "spatial3d/stage_walk.h"

#include <numeric>

#include "kernels/error.h"

namespace sluice::spatial3d {
namespace {

constexpr const char* place = "stage walk";

TokenLayout checked(const TokenLayout& layout, std::int64_t max_length) {
  if (layout.system < 0 || layout.spatial < 0 || layout.text < 0)
    throw input_error(
        place,
        concat("a layout of ", layout.system, ", ", layout.spatial, ", ", layout.text, " tokens"),
        "none or more of each");
  if (max_length > 0 && layout.total() > max_length)
    throw input_error(place, concat(layout.total(), " tokens"),
                      concat("at most ", max_length, ", as the model takes"));
  return layout;
}

}  // namespace

StageWalk::StageWalk(const GateSchedule& schedule, const TokenLayout& layout,
                     PositionMode positions, std::int64_t max_length)
    : layout_(checked(layout, max_length)),
      positions_(positions),
      steps_(gate_steps(schedule, layout.spatial)),
      original_(static_cast<std::size_t>(layout.total())) {
  std::iota(original_.begin(), original_.end(), std::int64_t{0});
  ids_ = original_;
}

const StageDecision& StageWalk::advance(std::span<const double> attention) {
  if (done_ == steps_.size())
    throw input_error(place, "one step too many", concat(steps_.size(), " steps"));
  if (attention.size() != original_.size())
    throw input_error(place, concat("attention for ", attention.size(), " tokens"),
                      concat(original_.size(), ", as many as are left"));
  const GateStep& step = steps_[done_];
  gate_stage({.attention = attention,
              .span_start = layout_.system,
              .n_in = step.n_in,
              .n_out = step.n_out,
              .positions = positions_,
              .position_ids = ids_},
             decision_);
  for (std::size_t i = 0; i < decision_.keep.size(); ++i)
    original_[i] = original_[static_cast<std::size_t>(decision_.keep[i])];  // keep[i] >= i
  original_.resize(decision_.keep.size());
  ids_ = decision_.position_ids;
  ++done_;
  return decision_;
}

std::int64_t StageWalk::decode_shift(std::int64_t layer) const noexcept {
  std::int64_t shift = 0;
  if (positions_ == PositionMode::renumbered)
    for (const GateStep& step : steps_)
      if (step.layer <= layer) shift += step.n_in - step.n_out;
  return shift;
}

}  // namespace sluice::spatial3d
