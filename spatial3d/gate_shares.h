// Splits the gate's budget: the best of all, and shares for what would otherwise go unseen.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/voxel_key.h"
#include "spatial3d/gate_memory.h"
#include "spatial3d/spatial_gate.h"

namespace sluice::spatial3d {

/// What made a row stay, beside its score.
enum class KeptBy : std::uint8_t { nothing, score, unseen, coverage, refresh };

/// Chooses exactly min(budget, n) rows.
class GateShares {
 public:
  explicit GateShares(const SpatialGateOptions& options) : options_(options) {}

  /// score [n], what rows are ranked by; last_pts [n] seconds. Fills kept [n]. Reads and writes
  /// who holds a place for refreshing in `memory` [n].
  void choose(std::span<const kernels::VoxelKey> keys, std::span<const float> score,
              std::span<const double> last_pts, double now, std::int64_t budget,
              std::span<TokenMemory> memory, std::vector<KeptBy>& kept);
  void clear();

 private:
  struct RegionRow {
    kernels::VoxelKey region;
    bool free;
    float score;
    std::int32_t row;
  };

  template <typename Among>
  void keep_best(std::span<const float> score, std::int64_t count, KeptBy by, Among among,
                 std::vector<KeptBy>& kept);
  void keep_regions(std::span<const kernels::VoxelKey> keys, std::span<const float> score,
                    std::int64_t most, std::vector<KeptBy>& kept);
  void keep_waiting(std::span<const float> score, double now, std::int64_t count,
                    std::span<TokenMemory> memory, std::vector<KeptBy>& kept);
  std::int64_t region_side(std::span<const kernels::VoxelKey> keys, std::int64_t most);
  std::int64_t count_regions(std::span<const kernels::VoxelKey> keys, std::int64_t side);

  SpatialGateOptions options_;
  double last_now_ = never;
  int region_doublings_ = 0;  // of coverage_voxels
  // Scratch.
  std::vector<std::int32_t> candidates_;
  std::vector<kernels::VoxelKey> regions_;
  std::vector<RegionRow> ranking_;
};

}  // namespace sluice::spatial3d
