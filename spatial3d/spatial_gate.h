// Decides before the model which voxel tokens it sees: an exact number, after every frame. What
// AdaToken-3D (arXiv 2505.12782) lacks on a live stream, where no attention map may be at hand.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernels/voxel_key.h"
#include "spatial3d/voxel_table.h"

namespace sluice::spatial3d {

struct SpatialGateOptions {
  float voxel_size = 0.2F;  ///< metres, of the table
  // To be completed by the gate's author: every weight and share, documented, no hidden constants.
};

/// What was kept of a table of n voxels.
struct GateDecision {
  std::vector<std::int32_t> keep;    ///< rows, ascending: exactly min(budget, n)
  std::vector<float> score;          ///< [n] what rows were ranked by; larger is better
  std::vector<std::uint8_t> reason;  ///< [keep.size()] stream::KeepReason
  std::int64_t entered = 0;          ///< kept now and not at the last decision
  std::int64_t left = 0;      ///< kept at the last decision and not now, though still in the map
  std::int64_t vanished = 0;  ///< kept at the last decision and no longer in the map
  /// Share of the kept tokens that could have stayed and were exchanged: left / kept last time.
  double turnover = 0;
};

class SpatialGate {
 public:
  /// Throws sluice::Error (kind input) for options out of range.
  explicit SpatialGate(const SpatialGateOptions& options);
  SpatialGate(SpatialGate&&) noexcept;
  SpatialGate& operator=(SpatialGate&&) noexcept;
  ~SpatialGate();

  /// What the model looked at among the tokens it was sent: attention per key, any scale. Keys that
  /// are unknown by now are ignored. Throws sluice::Error (kind input) for unequal lengths and for
  /// attention that is negative or not finite; nothing is applied then.
  void feedback(std::span<const kernels::VoxelKey> keys, std::span<const float> attention);
  /// Throws sluice::Error (kind input) for a negative budget.
  void select(const VoxelTable& table, std::int64_t budget, GateDecision& decision);
  /// Forgets attention and what was kept.
  void reset();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::spatial3d
