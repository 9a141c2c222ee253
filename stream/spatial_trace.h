// What the spatial engine did to a recording, for tools: plain data, no algorithm.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "stream/source.h"

namespace sluice::stream {

/// One frame of the recording, and the state of things after it.
struct SpatialTraceFrame {
  double pts = 0;            ///< seconds
  std::optional<Pose> pose;  ///< camera (or sensor) to world; nothing: the frame has no place
  bool pose_estimated = false;
  bool pose_assumed = false;  ///< nobody gave it: taken to be the world's own frame
  std::int64_t patches = 0;   ///< input tokens: patches, or elements of a cloud
  std::int64_t placed = 0;    ///< of them, those that went into the map
  std::int64_t voxels = 0;    ///< in the map
  std::int64_t budget = 0;    ///< tokens allowed
  std::int64_t kept = 0;      ///< tokens the gate chose
  std::int64_t added = 0, changed = 0, seen_through = 0, evicted = 0;  ///< voxels
  std::int64_t entered = 0;   ///< kept now and not after the frame before
  std::int64_t left = 0;      ///< kept after the frame before and not now, though still in the map
  std::int64_t vanished = 0;  ///< kept after the frame before, and no longer in the map
  double turnover = 0;        ///< left as a share of what was kept after the frame before
};

/// The life of a voxel: from the frame that put it into the map until it was removed, or until the
/// recording's end. A place that was cleared and filled again has two.
struct SpatialTraceVoxel {
  std::int64_t key = 0;
  float x = 0, y = 0, z = 0;  ///< metres: mean place of the patches in it
  std::int32_t first_frame = 0, last_frame = 0, views = 0;
  std::int64_t weight = 0;  ///< patches in it
  float score = 0;          ///< after the last frame, if it is in the map then
  std::int32_t fate = 0;    ///< output row, or a DropReason
  std::uint8_t reason = 0;  ///< KeepReason if kept
};

/// F frames of N patches together.
struct SpatialTrace {
  std::string input;                            ///< as the user named it
  std::map<std::string, std::string> settings;  ///< what decided, for people
  Source source;                                ///< of the frames
  double voxel_size = 0;                        ///< metres
  double retain = 1.0;                          ///< share of the voxels
  std::optional<std::int64_t> budget;           ///< instead of the share
  std::int64_t max_tokens = 0;                  ///< cap on either; 0: none
  std::vector<SpatialTraceFrame> frames;        ///< [F]
  std::vector<SpatialTraceVoxel> voxels;        ///< by key, then by time
  std::vector<std::int64_t> first_patch;        ///< [F+1] where each frame's patches begin
  std::vector<std::int32_t> patch_voxel;        ///< [N] index into `voxels`, or a DropReason
  std::vector<float> patch_xyz;                 ///< [N,3] metres; NaN where a patch has no place
  std::int64_t non_finite = 0;                  ///< patches with NaN or infinity among features
  std::int64_t skipped_input = 0;               ///< damaged or incomplete frames
  std::map<std::string, double> stage_ms;       ///< wall milliseconds per stage, summed
  std::vector<std::string> notes;               ///< what was skipped or odd
};

/// [N] Output row that each patch went to, or a DropReason.
[[nodiscard]] inline std::vector<std::int32_t> assignment_of(const SpatialTrace& trace) {
  std::vector<std::int32_t> assignment(trace.patch_voxel);
  for (std::int32_t& patch : assignment)
    if (patch >= 0) patch = trace.voxels[static_cast<std::size_t>(patch)].fate;
  return assignment;
}

}  // namespace sluice::stream
