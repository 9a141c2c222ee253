// The PCD format of the Point Cloud Library, version 0.7 and its predecessors.
#pragma once

#include <string_view>

#include "stream/open3d/point_cloud.h"

namespace sluice::stream {

/// `bytes`: a whole file, which errors call `where`. See read_cloud().
void parse_pcd(std::string_view bytes, std::string_view where, PointCloud& cloud);

}  // namespace sluice::stream
