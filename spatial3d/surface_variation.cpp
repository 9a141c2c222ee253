#include "spatial3d/surface_variation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "kernels/error.h"
#include "spatial3d/voxel_neighbours.h"

namespace sluice::spatial3d {
namespace {

/// Cubes of tiny voxels stay this small, whatever their size in metres: they only cost time.
constexpr std::int32_t most_cube_voxels = 64;

const SurfaceVariationOptions& checked(const SurfaceVariationOptions& options) {
  if (!(options.voxel_size > 0) || !std::isfinite(options.voxel_size))
    throw input_error("voxel-size", concat(options.voxel_size), "more than 0 metres");
  if (options.near_radius < 1 || options.near_radius > 32)
    throw input_error("surface radius", concat(options.near_radius), "1 to 32 voxels");
  if (options.min_neighbours < 4)
    throw input_error("surface neighbours", concat(options.min_neighbours),
                      "at least 4: three always lie on a plane");
  if (options.cube_voxels < 1 || options.cube_voxels > most_cube_voxels)
    throw input_error("surface cubes", concat(options.cube_voxels),
                      concat("1 to ", most_cube_voxels, " voxels"));
  if (!(options.cube_metres >= 0) || !std::isfinite(options.cube_metres))
    throw input_error("surface cubes", concat(options.cube_metres, " m"), "0 metres or more");
  if (!(options.isolated >= 0 && options.isolated <= 1))
    throw input_error("surface variation of isolated voxels", concat(options.isolated), "0 to 1");
  if (!(options.tolerance >= 0 && options.tolerance <= 1))
    throw input_error("surface tolerance", concat(options.tolerance), "0 to 1 voxels");
  return options;
}

std::int32_t cube_side(const SurfaceVariationOptions& options) {
  const float wanted = std::round(options.cube_metres / options.voxel_size);
  const auto voxels =
      static_cast<std::int32_t>(std::min(wanted, static_cast<float>(most_cube_voxels)));
  return std::max(options.cube_voxels, voxels);
}

float root_of_share(double part, double whole) {
  return whole > 0 ? static_cast<float>(std::sqrt(part / whole)) : 0.0F;
}

float variation(const std::array<double, 3>& variance) {
  return root_of_share(variance[0], variance[0] + variance[1] + variance[2]);
}

}  // namespace

SurfaceVariation::SurfaceVariation(const SurfaceVariationOptions& options)
    : options_(checked(options)), cubes_(cube_side(options_), options_.voxel_size) {}

void SurfaceVariation::update(const VoxelTable& table) {
  find_changes(table);
  key_ = table.key;
  place_.swap(next_place_);
  shape_.swap(next_shape_);
  sparse_.swap(next_sparse_);

  cubes_.update(key_, table.xyz, changed_);
  for (const auto& [row, cube] : cubes_.changed_rows()) {
    SurfaceShape& shape = shape_[row];
    const bool lonely = cube.places < options_.min_neighbours;
    shape.relief = lonely ? options_.isolated : variation(cube.variance);
    shape.elongation = lonely ? 0 : 1 - root_of_share(cube.variance[1], cube.variance[2]);
    if (sparse_[row] != 0) shape.variation = shape.relief;
  }

  outdated_.assign(key_.size(), 0);
  for (const auto key : changed_)
    for_each_neighbour(key_, kernels::unpack(key), 2 * options_.near_radius,
                       [&](std::size_t row) { outdated_[row] = 1; });
  computed_ = 0;
  for (std::size_t row = 0; row < key_.size(); ++row)
    if (outdated_[row] != 0) look_closely(table, row);
}

/// Merges the last table with the new one: fills next_*, and changed_ with the keys that came, went
/// or moved.
void SurfaceVariation::find_changes(const VoxelTable& table) {
  const std::size_t n = table.key.size();
  next_place_.resize(3 * n);
  next_shape_.assign(n, {});
  next_sparse_.assign(n, 0);
  changed_.clear();
  const float tolerance = static_cast<float>(options_.tolerance) * options_.voxel_size;
  std::size_t old = 0;
  for (std::size_t row = 0; row < n; ++row) {
    const auto key = table.key[row];
    for (; old < key_.size() && key_[old] < key; ++old) changed_.push_back(key_[old]);
    const bool known = old < key_.size() && key_[old] == key;
    const float* now = table.xyz.data() + 3 * row;
    const float* before = known ? place_.data() + 3 * old : now;
    // Places that are not finite count as moved, always.
    const auto moved = [&](std::size_t a) { return !(std::abs(now[a] - before[a]) <= tolerance); };
    const bool changes = !known || moved(0) || moved(1) || moved(2);
    if (changes) changed_.push_back(key);
    for (std::size_t a = 0; a < 3; ++a) next_place_[3 * row + a] = changes ? now[a] : before[a];
    if (!known) continue;
    next_shape_[row] = shape_[old];
    next_sparse_[row] = sparse_[old];
    ++old;
  }
  changed_.insert(changed_.end(), key_.begin() + static_cast<std::ptrdiff_t>(old), key_.end());
}

/// Variation of the close surroundings of a row.
void SurfaceVariation::look_closely(const VoxelTable& table, std::size_t row) {
  ++computed_;
  const auto centre = kernels::unpack(key_[row]);
  const auto size = static_cast<double>(options_.voxel_size);
  // Offsets are from the voxel's centre, so that their squares don't cancel.
  const stream::Vec3 middle{size * centre.x, size * centre.y, size * centre.z};
  for (const std::int32_t radius : {options_.near_radius, 2 * options_.near_radius}) {
    SpreadSum sum;
    for_each_neighbour(key_, centre, radius, [&](std::size_t neighbour) {
      stream::Vec3 offset;
      for (std::size_t a = 0; a < 3; ++a)
        offset[a] = static_cast<double>(table.xyz[3 * neighbour + a]) - middle[a];
      if (std::isfinite(offset[0] + offset[1] + offset[2])) sum.add(offset);
    });
    if (sum.count() < options_.min_neighbours) continue;
    sparse_[row] = 0;
    shape_[row].variation = variation(principal_axes(sum.covariance()).variance);
    return;
  }
  sparse_[row] = 1;
  shape_[row].variation = shape_[row].relief;
}

void SurfaceVariation::clear() {
  key_.clear();
  place_.clear();
  shape_.clear();
  sparse_.clear();
  cubes_.clear();
}

}  // namespace sluice::spatial3d
