// The PLY format (Turk, "The PLY polygon file format", 1994).
#pragma once

#include <string_view>

#include "stream/open3d/point_cloud.h"

namespace sluice::stream {

/// `bytes`: a whole file, which errors call `where`. See read_cloud().
void parse_ply(std::string_view bytes, std::string_view where, PointCloud& cloud);

}  // namespace sluice::stream
