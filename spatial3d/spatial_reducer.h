// The one engine for 3-D recordings and streams: frames with geometry arrive one by one, and after
// each the kept voxel tokens can be taken. Back-projection → voxel map → gate.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "kernels/resources.h"
#include "spatial3d/back_projection.h"
#include "spatial3d/cloud_elements.h"
#include "spatial3d/spatial_gate.h"
#include "spatial3d/voxel_map.h"
#include "stream/spatial_frame.h"
#include "stream/token_batch.h"

namespace sluice::spatial3d {

struct SpatialReducerOptions {
  BackProjectionOptions projection;
  VoxelMapOptions map;
  SpatialGateOptions gate;
  /// Share of the voxel tokens to keep: rnd(retain · voxels) after each frame; 0 < retain ≤ 1.
  double retain = 1.0;
  /// Tokens to keep, whatever the share; all if there are fewer.
  std::optional<std::int64_t> budget;
  /// At most this many, whatever share or budget say; 0: no cap.
  std::int64_t max_tokens = 0;
};

/// What one frame did.
struct SpatialUpdate {
  std::int32_t frame = 0;
  double pts = 0;
  std::int64_t patches = 0;     ///< input tokens of the frame: patches, or elements of a cloud
  std::int64_t placed = 0;      ///< of them, those with a place in the map
  std::int64_t voxels = 0;      ///< in the map after the frame
  std::int64_t budget = 0;      ///< tokens allowed
  std::int64_t non_finite = 0;  ///< patches with NaN or infinity among their features
  bool has_pose = false;
  MapChanges changes;
  GateDecision decision;  ///< rows of SpatialReducer::table()
};

class SpatialReducer {
 public:
  /// `source`: whose frames these are. Throws sluice::Error for options out of range.
  SpatialReducer(kernels::Resources& resources, const stream::Source& source,
                 const SpatialReducerOptions& options);

  /// Frames without a pose change nothing but are counted. Throws sluice::Error for frames that
  /// don't fit those before; map, table and gate are then as they were, places() and `update` are
  /// not specified.
  void push(const stream::SpatialFrame& frame, SpatialUpdate& update);
  /// Attention of the model per voxel key, for the tokens it was sent.
  void feedback(std::span<const kernels::VoxelKey> keys, std::span<const float> attention) {
    gate_.feedback(keys, attention);
  }
  void reset();

  /// [S,3] Where the last frame's patches are, metres in the world, NaN for those without a place;
  /// empty if the frame had no pose.
  [[nodiscard]] std::span<const float> places() const noexcept { return places_; }
  /// Every voxel after the last frame.
  [[nodiscard]] const VoxelTable& table() const noexcept { return table_; }
  /// The kept tokens after the last frame, ordered by key.
  void tokens(const GateDecision& decision, stream::TokenBatch& batch) const;

 private:
  void place_patches(const stream::SpatialFrame& frame, MapView& view);
  void place_cloud(const stream::SpatialFrame& frame, MapView& view);

  kernels::Resources& resources_;
  stream::Source source_;
  SpatialReducerOptions options_;
  VoxelMap map_;
  SpatialGate gate_;
  VoxelTable table_;
  kernels::DType feature_type_ = kernels::DType::f32;  // of the last frame
  std::int64_t feature_width_ = 1;
  std::vector<float> xyz_;
  CloudElements elements_;
  std::span<const float> places_;
};

}  // namespace sluice::spatial3d
