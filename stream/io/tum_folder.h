// RGB-D recordings in the layout of the TUM benchmark (Sturm et al., IROS 2012):
//   rgb.txt, depth.txt   "time file" per line; lines that start with # are comments
//   groundtruth.txt      "time tx ty tz qx qy qz qw": the colour camera in the world, metres
// Depth is registered to colour and stored in units of 1/5000 m.
#pragma once

#include <filesystem>

#include "stream/io/rgbd_index.h"

namespace sluice::stream {

/// True for a folder with rgb.txt and depth.txt.
[[nodiscard]] bool is_tum_folder(const std::filesystem::path& folder);

/// Colour and depth are paired as the benchmark's own tool does: of all pairs at most
/// `association_s` apart the closest first, each file in one pair at most. A frame has the colour
/// picture's time and the pose nearest to it, if that is within `association_s`; without
/// groundtruth.txt all poses are unknown. Pictures without a partner are counted and noted; so are
/// malformed lines, by file and line, and lines where tracking was lost (zeros or NaN).
///
/// The layout has no intrinsics. Where read_camera_files() finds none either, it takes those
/// published for the benchmark's cameras, if the folder's name says "freiburg1", "freiburg2" or
/// "freiburg3"; their lens distortion is ignored.
///
/// Throws sluice::Error (kind input) if a list can't be read or there is no pair.
[[nodiscard]] RgbdIndex index_tum_folder(const std::filesystem::path& folder, double association_s);

}  // namespace sluice::stream
