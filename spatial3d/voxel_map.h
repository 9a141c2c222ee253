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
  /// Removes voxels through whose whole extent a frame sees something farther away.
  bool see_through_removal = true;
  int looks_to_remove = 1;    ///< consecutive frames that must see through it
  float depth_noise = 0.01F;  ///< metres at 1 m, growing with the square of depth
  double max_distance = 0;    ///< metres from the camera; farther voxels are forgotten; 0: never
  std::int64_t max_age = 0;   ///< frames since last seen, then forgotten; 0: never
  std::int64_t max_voxels = 1'000'000;  ///< beyond it, those seen longest ago are forgotten
  /// A voxel counts as changed once its mean feature may have moved by this share of its length
  /// since it was last reported.
  double changed_threshold = 0.05;
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

/// What a frame did to the map. Keys ascend in each list.
struct MapChanges {
  std::vector<kernels::VoxelKey> added;    ///< new (or back again)
  std::vector<kernels::VoxelKey> changed;  ///< known before; feature moved by the threshold
  std::vector<kernels::VoxelKey> seen_through;
  std::vector<kernels::VoxelKey> evicted;
  /// [S] the voxel each patch went into, or a stream::DropReason.
  std::vector<std::int64_t> voxel_of_patch;
};

/// Memory is bounded by max_voxels (D + about 40 numbers each), and reused. The cost of a frame
/// depends on the patches and on the voxels in view, not on the size of the map. With removal and
/// eviction off, the map holds exactly what voxel_tokens() gives over the same frames.
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
  /// All voxels, ordered by key. Reuses the table's memory.
  void table(VoxelTable& table) const;
  /// The mean feature of rows of a table taken since the last integrate(), in the type of the first
  /// frame's features: [rows,D].
  void features(const VoxelTable& table, std::span<const std::int32_t> rows,
                kernels::Tensor& features) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::spatial3d
