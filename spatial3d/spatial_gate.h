// Decides before the model which voxel tokens it sees: an exact number, after every frame. What
// AdaToken-3D (arXiv 2505.12782) lacks on a live stream, where no attention map may be at hand.
// docs/spatial_gate.md says how it decides and how well.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernels/voxel_key.h"
#include "spatial3d/surface_variation.h"
#include "spatial3d/voxel_table.h"

namespace sluice::spatial3d {

struct SpatialGateOptions {
  float voxel_size = 0.2F;  ///< metres, of the table

  // What a token is worth without attention: the mean of these properties, each 0 to 1, by weight.
  double surface_weight = 1.0;     ///< SurfaceShape::variation: edges, corners, small things
  double relief_weight = 1.0;      ///< SurfaceShape::relief: standing out of its surroundings
  double elongation_weight = 1.0;  ///< SurfaceShape::elongation: poles, handles, cables
  double novelty_weight = 0.3;     ///< new, or changing
  double recency_weight = 0.1;     ///< in view, or lately
  double views_weight = 0.05;      ///< seen by many frames: no noise
  double spread_weight = 0.05;     ///< seen from many sides

  // Where each property reaches its end.
  double surface_full = 0.3;  ///< surface variation that counts as 1
  double relief_full = 0.1;   ///< relief that counts as 1
  /// Elongation that counts as 0, and as 1: the rims of surfaces have nearly 0.5.
  double elongation_none = 0.4, elongation_full = 0.9;
  double novelty_seconds = 2;       ///< a token is new at first and no longer after this
  double change_full = 0.5;         ///< VoxelTable::change that counts as 1
  double recency_seconds = 10;      ///< a token is recent in view and no longer this long after
  double views_half = 3;            ///< frames that count as one half
  SurfaceVariationOptions surface;  ///< its voxel_size is set to the one above

  // Attention, where the model reports it.
  double attention_weight = 0.8;  ///< how much of a score fresh attention makes up at most
  /// How much of what a token is worth without attention is lost to it when the model ignores it,
  /// in parts of attention_weight. More tries other tokens out faster, and exchanges more.
  double attention_penalty = 0.5;
  double attention_gain = 0.5;  ///< how much of each report is taken over; 1: no smoothing
  /// Attention that is this old counts half, and with it the score returns to the properties.
  double attention_seconds = 10;
  double attention_spread = 0.5;      ///< how much attention counts for the voxels around it
  std::int32_t attention_radius = 1;  ///< voxels along each axis that it spreads; 0: none
  double attention_sinks = 0.01;      ///< share of the tokens whose attention sets no scale
  double memory_seconds = 30;         ///< attention of vanished voxels is kept this long

  // Shares of the budget, each rounded half to even. What they leave goes to the highest scores.
  /// At least this share for tokens out of view for `unseen_seconds`, the best of them.
  double unseen_share = 0.05;
  double unseen_seconds = 2;
  /// Up to this share for the best token of every region, the finest cubic regions for which it is
  /// enough: so every region keeps something.
  double coverage_share = 0.1;
  std::int32_t coverage_voxels = 4;  ///< side of the smallest region
  /// This share for tokens that were not sent lately, those waiting longest.
  double refresh_share = 0.05;
  double refresh_seconds = 10;  ///< in which all of the refresh share's tokens are exchanged

  /// Kept tokens rank this much higher, so that close calls don't flicker.
  double hysteresis = 0.08;
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
  /// Throws sluice::Error (kind input) for a negative budget and for a table whose columns have
  /// unequal lengths or whose keys don't ascend. Time is the table's: its latest last_pts.
  void select(const VoxelTable& table, std::int64_t budget, GateDecision& decision);
  /// Forgets attention and what was kept.
  void reset();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::spatial3d
