// What the spatial engine did to a recording, for tools: plain data, no algorithm.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "stream/source.h"

namespace sluice::stream {

/// One frame of the recording.
struct SpatialTraceFrame {
  double pts = 0;            ///< seconds
  std::optional<Pose> pose;  ///< camera to world
  Intrinsics intrinsics;     ///< of an image of `image_width` × `image_height`
  std::int32_t image_width = 0, image_height = 0;
  std::int64_t patches = 0;  ///< input tokens
  std::int64_t placed = 0;   ///< of them, in the map
  std::int64_t voxels = 0;   ///< in the map after the frame
  std::int64_t budget = 0, kept = 0;
  std::int64_t added = 0, changed = 0, seen_through = 0, evicted = 0;
  std::int64_t entered = 0, left = 0;  ///< kept tokens exchanged since the frame before
  double turnover = 0;
  std::vector<std::int64_t> kept_keys;  ///< ascending
};

/// One voxel that was ever in the map.
struct SpatialTraceVoxel {
  std::int64_t key = 0;
  float x = 0, y = 0, z = 0;  ///< metres
  std::int32_t first_frame = 0, last_frame = 0, views = 0;
  std::int64_t weight = 0;
  float score = 0;
  std::int32_t fate = 0;    ///< output row, or a DropReason
  std::uint8_t reason = 0;  ///< KeepReason if kept
};

struct SpatialTrace {
  Source source;
  double voxel_size = 0;
  std::vector<SpatialTraceFrame> frames;
  std::vector<SpatialTraceVoxel> voxels;  ///< by key; a voxel that went and came back has one entry
  /// Per frame and patch: output row at the end, or a DropReason. Concatenated over frames.
  std::vector<std::int32_t> assignment;
  std::vector<float> patch_xyz;  ///< [same length,3] metres; NaN where a patch has no place
  std::int64_t poses_estimated = 0;
};

}  // namespace sluice::stream
