// A whole prefill through a gate schedule, stage by stage, for use inside a language model.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "spatial3d/gate_schedule.h"
#include "spatial3d/stage_gate.h"
#include "spatial3d/token_layout.h"

namespace sluice::spatial3d {

/// Remembers which tokens are left, so that a model only has to hand over its attention:
///
///     StageWalk walk(schedule, {37, 1659, 24}, PositionMode::original);
///     for (layer …) {
///       if (walk.is_due(layer)) {
///         const StageDecision& decision = walk.advance(attention of the last token);
///         hidden = gather(hidden, decision.keep);
///       }
///       hidden = run(layer, hidden, walk.position_ids());
///     }
class StageWalk {
 public:
  /// `max_length`: most tokens the model takes; 0: no limit. Throws sluice::Error (kind input) for
  /// an invalid schedule or layout, and for one that is longer: cutting the end, as the published
  /// code does, would lose the question.
  StageWalk(const GateSchedule& schedule, const TokenLayout& layout, PositionMode positions,
            std::int64_t max_length = 0);

  [[nodiscard]] const std::vector<GateStep>& steps() const noexcept { return steps_; }
  /// True if the gate works in front of `layer` and has not yet.
  [[nodiscard]] bool is_due(std::int64_t layer) const noexcept {
    return done_ < steps_.size() && steps_[done_].layer == layer;
  }
  /// Takes the next step. attention [tokens()]: see StageInput. Throws sluice::Error (kind input)
  /// for another length and when no step is left; nothing has changed then.
  const StageDecision& advance(std::span<const double> attention);

  /// Tokens left, and per token its index before the first layer and its position id.
  [[nodiscard]] std::int64_t tokens() const noexcept {
    return static_cast<std::int64_t>(original_.size());
  }
  [[nodiscard]] const std::vector<std::int64_t>& original_indices() const noexcept {
    return original_;
  }
  [[nodiscard]] const std::vector<std::int64_t>& position_ids() const noexcept { return ids_; }
  /// A token generated later has the id (its index in the original sequence − this) in `layer`.
  [[nodiscard]] std::int64_t decode_shift(std::int64_t layer) const noexcept;

 private:
  TokenLayout layout_;
  PositionMode positions_;
  std::vector<GateStep> steps_;
  std::size_t done_ = 0;
  std::vector<std::int64_t> original_;
  std::vector<std::int64_t> ids_;
  StageDecision decision_;
};

}  // namespace sluice::spatial3d
