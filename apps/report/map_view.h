// Orthographic views of a voxel map, as inline SVG in lattice units: from above and from the side.
#pragma once

#include <string>

#include "stream/pose.h"
#include "stream/spatial_trace.h"

namespace sluice::report {

/// A direction along one of the world's axes.
struct SignedAxis {
  int axis = 0;  ///< 0 x, 1 y, 2 z
  double sign = 1;

  /// How far along this direction a point lies.
  [[nodiscard]] double along(const stream::Vec3& point) const noexcept {
    return sign * point[static_cast<std::size_t>(axis)];
  }
  /// "+x"
  [[nodiscard]] std::string name() const;
};

/// Where the page's directions lead in the world.
struct ViewDirections {
  SignedAxis right, up;  ///< on the page
  SignedAxis toward;     ///< out of the page, to the reader
};

struct MapViews {
  ViewDirections above, side;
};

/// Up is the world's axis nearest to the cameras' own mean up; z for clouds and where no camera has
/// a pose. Right is the axis across which the map is wider, as the cameras see it from left to
/// right.
[[nodiscard]] MapViews choose_views(const stream::SpatialTrace& trace);

/// Both views with scale bars, camera path and legend; says so where there is nothing to draw.
[[nodiscard]] std::string map_section(const stream::SpatialTrace& trace);

}  // namespace sluice::report
