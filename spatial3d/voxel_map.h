// A map of voxels that grows with every frame: what the voxel pooling of AdaToken-3D (arXiv
// 2505.12782) becomes on a live stream.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "kernels/resources.h"
#include "kernels/tensor.h"
#include "spatial3d/voxel_table.h"
#include "stream/source.h"
#include "stream/token_batch.h"

namespace sluice::spatial3d {

struct VoxelMapOptions {
  float voxel_size = 0.2F;  ///< metres
  /// Removes voxels whose place a depth image shows to be empty (free_space.h). Things thinner than
  /// a pixel may come and go.
  bool see_through_removal = true;
  /// Frames in a row that must see through a voxel; those that can't tell don't count.
  int looks_to_remove = 1;
  /// Metres at 1 m, growing with the square of depth: three standard deviations of a structured
  /// light camera. Larger keeps surfaces of a noisier one, and clears less close to other surfaces.
  float depth_noise = 0.006F;
  /// Metres from the camera; farther voxels are forgotten, farther patches left out; 0: no limit.
  double max_distance = 0;
  std::int64_t max_age = 0;             ///< frames since last seen, then forgotten; 0: never
  std::int64_t max_voxels = 1'000'000;  ///< beyond it, those seen longest ago are forgotten
  /// A voxel is reported as changed once its mean feature has gone farther than this share of its
  /// length since it was last reported. The way it went is counted, not how far it got: whoever
  /// takes the features of what is added and changed is never off by more, up to rounding.
  double changed_threshold = 0.05;
  double change_rate = 0.25;  ///< weight of the newest frame in VoxelTable::change
};

/// One frame as the map takes it.
struct MapView {
  std::int32_t frame = 0;  ///< grows
  double pts = 0;
  kernels::TensorView features;  ///< [S,D]
  std::span<const float> xyz;    ///< [S,3] metres in the world; NaN: the patch has no place
  kernels::TensorView depth;     ///< [H,W] f32 metres, for see-through removal; undefined: none
  stream::Intrinsics intrinsics;
  std::optional<stream::Pose> pose;  ///< camera to world; nothing: no viewing direction, no removal
};

/// What a frame did to the map, from the state before it to the state after it. Keys ascend in each
/// list, and no key is in two of them.
struct MapChanges {
  std::vector<kernels::VoxelKey> added;         ///< new (or back again)
  std::vector<kernels::VoxelKey> changed;       ///< known before; feature moved by the threshold
  std::vector<kernels::VoxelKey> seen_through;  ///< removed: the frame shows what lies behind
  std::vector<kernels::VoxelKey> evicted;       ///< forgotten: too far, too old or too many
  /// [S] the voxel each patch went into, or a stream::DropReason: no_depth, outside, non_finite, or
  /// evicted where the frame alone brings more than max_voxels.
  std::vector<std::int64_t> voxel_of_patch;

  void clear() noexcept {
    for (auto* list : {&added, &changed, &seen_through, &evicted, &voxel_of_patch}) list->clear();
  }
};

/// Memory is bounded by max_voxels and one frame's patches (D + about 40 numbers each), and reused:
/// no allocation once it is there. The cost of a frame depends on the patches and on the voxels in
/// view, not on the size of the map; with max_distance, also on the number of its regions of 64³
/// voxels. With removal and eviction off, the map holds exactly what voxel_tokens() gives over the
/// same frames, unless features are so large that their sum leaves the range of f32, or a voxel
/// pools 65,536 patches: from then on what was seen long ago counts for less, because a sum in f32
/// that only grew would stop taking anything in.
class VoxelMap {
 public:
  /// Throws sluice::Error (kind input) for options out of range.
  VoxelMap(kernels::Resources& resources, const VoxelMapOptions& options);
  VoxelMap(VoxelMap&&) noexcept;
  VoxelMap& operator=(VoxelMap&&) noexcept;
  ~VoxelMap();

  /// Throws sluice::Error (kind input) for shapes that don't fit, a feature width or type other
  /// than the first frame's, a frame not after the last one; the map is then as before.
  void integrate(const MapView& view, MapChanges& changes);
  /// Forgets everything.
  void clear();

  [[nodiscard]] std::int64_t size() const noexcept;
  [[nodiscard]] const VoxelMapOptions& options() const noexcept;
  /// All voxels, ordered by key. Reuses the table's memory, and where `table` is what the last call
  /// gave, rewrites only what has changed since.
  void table(VoxelTable& table) const;
  /// The mean feature of rows of a table taken since the last integrate(), in the type of the first
  /// frame's features: [rows,D]. Throws sluice::Error (kind input) for rows that aren't in the map.
  void features(const VoxelTable& table, std::span<const std::int32_t> rows,
                kernels::Tensor& features) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::spatial3d
