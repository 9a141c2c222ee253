// What the gate remembers of each voxel from one decision to the next.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "kernels/voxel_key.h"

namespace sluice::spatial3d {

/// A time long before any other.
inline constexpr double never = -std::numeric_limits<double>::infinity();

struct TokenMemory {
  double attention = 0;         ///< smoothed, 0 to 1; see GateMemory::attend
  double attended_pts = never;  ///< seconds, when attention was last reported
  double sent_pts = never;      ///< seconds, of the last decision that kept it
  bool kept = false;            ///< by the last decision
  /// Holds one of the places for tokens that were not sent lately, since then; else `never`.
  double refreshed_pts = never;

  [[nodiscard]] bool has_attention() const noexcept { return attended_pts != never; }
};

/// Memory for the rows of a table, and for a while of voxels that had attention and vanished: an
/// object that was hidden for a moment is looked at again at once.
class GateMemory {
 public:
  /// Follows the table to its new keys (ascending). `now` in seconds; voxels that vanished more
  /// than `memory_seconds` ago are forgotten. Returns how many kept tokens vanished just now.
  std::int64_t align(std::span<const kernels::VoxelKey> keys, double now, double memory_seconds);

  /// One attention ≥ 0 per key, on any scale. Unknown keys are ignored. The unit is the mean of all
  /// given but the `sink_share` largest: x units count as x / (x + 1), so 0 to 1. Then smoothed:
  /// new = old + gain · (reported − old), the first report taken as it is. Attention that is zero
  /// throughout says nothing and changes nothing.
  void attend(std::span<const kernels::VoxelKey> keys, std::span<const float> attention,
              double gain, double sink_share);

  /// Per row of the table last aligned to.
  [[nodiscard]] std::span<TokenMemory> rows() noexcept { return present_; }
  [[nodiscard]] std::span<const kernels::VoxelKey> keys() const noexcept { return key_; }
  /// Time of the last decision; `never` before the first.
  [[nodiscard]] double now() const noexcept { return now_; }
  void clear();

 private:
  struct Absent {
    kernels::VoxelKey key;
    double since;
    TokenMemory memory;
  };

  double now_ = never;
  std::vector<kernels::VoxelKey> key_;
  std::vector<TokenMemory> present_;
  std::vector<Absent> absent_;  // ascending keys
  std::vector<TokenMemory> next_present_;
  std::vector<Absent> next_absent_;
  std::vector<float> sorted_;
};

}  // namespace sluice::spatial3d
