#include "spatial3d/cube_shapes.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "spatial3d/voxel_neighbours.h"

namespace sluice::spatial3d {
namespace {

std::int32_t floor_divide(std::int32_t a, std::int32_t b) {
  return a >= 0 ? a / b : -((b - 1 - a) / b);
}

}  // namespace

CubeShapes::CubeShapes(std::int32_t side, float voxel_size)
    : side_(side), voxel_size_(static_cast<double>(voxel_size)) {}

kernels::VoxelIndex CubeShapes::cube_of(const kernels::VoxelIndex& voxel) const noexcept {
  return {floor_divide(voxel.x, side_), floor_divide(voxel.y, side_), floor_divide(voxel.z, side_)};
}

kernels::VoxelIndex CubeShapes::first_voxel(const kernels::VoxelIndex& cube) const noexcept {
  return {cube.x * side_, cube.y * side_, cube.z * side_};
}

/// Calls visit(row) for the voxels in the cube.
template <typename Visit>
void CubeShapes::for_each_inside(std::span<const kernels::VoxelKey> keys,
                                 const kernels::VoxelIndex& cube, Visit&& visit) const {
  const auto first = first_voxel(cube);
  for_each_in_box(keys, first, {first.x + side_ - 1, first.y + side_ - 1, first.z + side_ - 1},
                  visit);
}

void CubeShapes::update(std::span<const kernels::VoxelKey> keys, std::span<const float> xyz,
                        std::span<const kernels::VoxelKey> changed) {
  changed_cubes_.clear();
  for (const auto key : changed) {
    const auto cube = pack(cube_of(kernels::unpack(key)));
    if (changed_cubes_.empty() || changed_cubes_.back() != cube) changed_cubes_.push_back(cube);
  }
  std::sort(changed_cubes_.begin(), changed_cubes_.end());
  changed_cubes_.erase(std::unique(changed_cubes_.begin(), changed_cubes_.end()),
                       changed_cubes_.end());
  refresh_spreads(keys, xyz);

  outdated_.assign(cube_.size(), 0);
  for (const auto cube : changed_cubes_)
    for_each_neighbour(cube_, kernels::unpack(cube), 1, [&](std::size_t i) { outdated_[i] = 1; });
  changed_rows_.clear();
  for (std::size_t i = 0; i < cube_.size(); ++i) {
    if (outdated_[i] == 0) continue;
    const auto cube = kernels::unpack(cube_[i]);
    const CubeShape shape = shape_around(cube);
    for_each_inside(keys, cube, [&](std::size_t row) { changed_rows_.push_back({row, shape}); });
  }
}

/// Sums up the changed cubes anew and merges them with the others.
void CubeShapes::refresh_spreads(std::span<const kernels::VoxelKey> keys,
                                 std::span<const float> xyz) {
  next_cube_.clear();
  next_inside_.clear();
  std::size_t old = 0;
  const auto keep_until = [&](std::size_t end) {
    for (; old < end; ++old) {
      next_cube_.push_back(cube_[old]);
      next_inside_.push_back(inside_[old]);
    }
  };
  for (const auto cube : changed_cubes_) {
    const auto at =
        std::lower_bound(cube_.begin() + static_cast<std::ptrdiff_t>(old), cube_.end(), cube);
    keep_until(static_cast<std::size_t>(at - cube_.begin()));
    if (at != cube_.end() && *at == cube) ++old;
    bool occupied = false;
    for_each_inside(keys, kernels::unpack(cube), [&](std::size_t) { occupied = true; });
    if (!occupied) continue;
    next_cube_.push_back(cube);
    next_inside_.push_back(spread_inside(keys, xyz, kernels::unpack(cube)));
  }
  keep_until(cube_.size());
  cube_.swap(next_cube_);
  inside_.swap(next_inside_);
}

SpreadSum CubeShapes::spread_inside(std::span<const kernels::VoxelKey> keys,
                                    std::span<const float> xyz,
                                    const kernels::VoxelIndex& cube) const {
  const auto first = first_voxel(cube);
  const stream::Vec3 origin{voxel_size_ * first.x, voxel_size_ * first.y, voxel_size_ * first.z};
  SpreadSum sum;
  for_each_inside(keys, cube, [&](std::size_t row) {
    stream::Vec3 offset;
    for (std::size_t a = 0; a < 3; ++a)
      offset[a] = static_cast<double>(xyz[3 * row + a]) - origin[a];
    if (std::isfinite(offset[0] + offset[1] + offset[2])) sum.add(offset);
  });
  return sum;
}

CubeShape CubeShapes::shape_around(const kernels::VoxelIndex& cube) const {
  const double width = voxel_size_ * side_;
  SpreadSum sum;
  for_each_neighbour(cube_, cube, 1, [&](std::size_t i) {
    const auto other = kernels::unpack(cube_[i]);
    sum.add(inside_[i],
            {width * (other.x - cube.x), width * (other.y - cube.y), width * (other.z - cube.z)});
  });
  if (sum.count() == 0) return {};
  return {sum.count(), principal_axes(sum.covariance()).variance};
}

void CubeShapes::clear() {
  cube_.clear();
  inside_.clear();
  changed_rows_.clear();
}

}  // namespace sluice::spatial3d
