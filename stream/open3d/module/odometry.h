// The motion between two images with depth.
#pragma once

#include "stream/open3d/backend.h"

namespace sluice::stream::module {

/// Open3D's odometry with its hybrid error: both brightness and depth have to fit (Park, Zhou and
/// Koltun, "Colored point cloud registration revisited", 2017). May throw anything.
[[nodiscard]] ViewMatch match_images(const OdometryProblem& problem);

}  // namespace sluice::stream::module
