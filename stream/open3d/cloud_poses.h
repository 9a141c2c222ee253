// Poses that lie beside the clouds of a recording.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "stream/open3d/cloud_sequence.h"
#include "stream/source.h"

namespace sluice::stream {

struct CloudPoses {
  std::vector<std::optional<Pose>> pose;  ///< sensor to world; nothing where there is no good one
  std::vector<std::string> notes;         ///< what is wrong with them, for people
};

/// Looks in the folder of the first cloud for
///   NAME.pose.txt   beside NAME.ply: 4×4 numbers
///   poses.txt       a line per cloud: 12 numbers, the upper rows of the matrix (KITTI), or
///                   "time tx ty tz qx qy qz qw" (TUM); lines that start with # are comments
/// Lines belong to the clouds in order if there are as many, to the cloud with the number of the
/// line (from 0) otherwise; TUM lines to the cloud nearest in time, at most 0.02 s off, if clouds
/// are named by time. Nothing if there is neither. Poses that are missing, not finite or not rigid
/// are noted. Throws sluice::Error (kind input) for lines that are no poses, and for those that
/// can't be assigned.
[[nodiscard]] std::optional<CloudPoses> find_cloud_poses(const std::vector<CloudEntry>& clouds);

}  // namespace sluice::stream
