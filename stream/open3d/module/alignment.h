// Registration of two point clouds.
#pragma once

#include "stream/open3d/backend.h"

namespace sluice::stream::module {

/// From a plane through the neighbours. Returns their spread. May throw anything.
double estimate_normals(const float* xyz, std::size_t points, double radius, int neighbours,
                        float* normals);

/// Open3D's point-to-plane ICP (Chen and Medioni, 1992) with Tukey's weights, first with three
/// times the distance. May throw anything.
[[nodiscard]] ViewMatch align(const AlignmentProblem& problem);

}  // namespace sluice::stream::module
