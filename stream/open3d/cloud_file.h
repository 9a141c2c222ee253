// Reads point clouds from PLY and PCD files.
//
// Our own readers rather than Open3D's: those print to the terminal, fill the rest of a truncated
// PCD with whatever was in memory, reserve whatever size a damaged header claims, and take colours
// that are stored as floats for bytes.
#pragma once

#include <filesystem>

#include "stream/open3d/point_cloud.h"

namespace sluice::stream {

/// By its extension, .ply or .pcd in any case.
[[nodiscard]] bool is_cloud_file(const std::filesystem::path& path);

/// PLY: ASCII and both binary kinds; `vertex` with x y z of any type, and red green blue if there
/// are (floats count from 0 to 1); everything else is skipped. PCD: ASCII, binary and compressed;
/// x y z of any type, and rgb or rgba; VIEWPOINT is not applied, because writers disagree about
/// what it means. Reuses the memory of `cloud`, which is empty if this throws.
///
/// Throws sluice::Error (kind input), naming the file: missing or unreadable, no cloud, fewer
/// points than its header promises, something that is no number, no coordinates, more than 2^31
/// points.
void read_cloud(const std::filesystem::path& path, PointCloud& cloud);

}  // namespace sluice::stream
