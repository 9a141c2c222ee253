// Voxel tables made by hand, for tests of what works on them.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "kernels/voxel_key.h"
#include "spatial3d/voxel_table.h"
#include "tests/support/random_clip.h"

namespace sluice::test {

struct Point {
  double x = 0, y = 0, z = 0;
};

/// What a table has of one voxel, with defaults that give no voxel an advantage.
struct Voxel {
  Point place = {};
  double first_pts = 0, last_pts = 0;
  int views = 1;
  float change = 0, view_spread = 0;
};

/// Voxels by key: sorted as a table is.
using VoxelSet = std::map<kernels::VoxelKey, Voxel>;

inline kernels::VoxelKey key_of(const Point& p, float voxel_size) {
  const float xyz[] = {static_cast<float>(p.x), static_cast<float>(p.y), static_cast<float>(p.z)};
  return kernels::voxel_of(xyz, voxel_size);
}

/// One voxel per cell, at the first point in it.
inline VoxelSet voxels_of(const std::vector<Point>& points, float voxel_size) {
  VoxelSet voxels;
  for (const Point& p : points) voxels.try_emplace(key_of(p, voxel_size), Voxel{.place = p});
  return voxels;
}

inline spatial3d::VoxelTable table_of(const VoxelSet& voxels) {
  spatial3d::VoxelTable table;
  for (const auto& [key, voxel] : voxels) {
    table.key.push_back(key);
    table.slot.push_back(static_cast<std::int32_t>(table.slot.size()));
    for (const double c : {voxel.place.x, voxel.place.y, voxel.place.z})
      table.xyz.push_back(static_cast<float>(c));
    table.weight.push_back(voxel.views);
    table.views.push_back(voxel.views);
    table.first_frame.push_back(static_cast<std::int32_t>(voxel.first_pts * 10));
    table.last_frame.push_back(static_cast<std::int32_t>(voxel.last_pts * 10));
    table.first_pts.push_back(voxel.first_pts);
    table.last_pts.push_back(voxel.last_pts);
    table.change.push_back(voxel.change);
    table.view_spread.push_back(voxel.view_spread);
    table.in_view.push_back(0);
  }
  return table;
}

inline Point random_point(Random& random, double extent) {
  return {random.between(-extent, extent), random.between(-extent, extent),
          random.between(-extent, extent)};
}

}  // namespace sluice::test
