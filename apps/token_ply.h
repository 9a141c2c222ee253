// The tokens of a 3-D recording as a point cloud, for any viewer.
#pragma once

#include <filesystem>

#include "stream/spatial_trace.h"

namespace sluice::apps {

/// Binary little-endian PLY: every voxel that was ever in the map, and the places of the patches
/// that were merged into kept tokens. Per vertex x, y, z (float, metres), red, green, blue (uchar),
/// fate (uchar, report::SpatialFate), reason (uchar: KeepReason of kept and merged, else the
/// DropReason without its sign), weight (int: patches; 1 for a merged patch). The header's comments
/// say the same. The file appears complete or not at all.
void write_token_ply(const stream::SpatialTrace& trace, const std::filesystem::path& path);

}  // namespace sluice::apps
