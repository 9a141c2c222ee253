// The shape of a map at a coarser scale: of cubes of voxels, each with the cubes around it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/voxel_key.h"
#include "spatial3d/principal_axes.h"

namespace sluice::spatial3d {

/// The spread of the places in a cube and the 26 around it.
struct CubeShape {
  std::int64_t places = 0;
  std::array<double, 3> variance{};  ///< principal variances, ascending
};

/// CubeShape of every cube of side³ voxels in which something is, from update to update. Places
/// that are not finite are left out.
class CubeShapes {
 public:
  /// side ≥ 1 in voxels; voxel_size > 0 in metres.
  CubeShapes(std::int32_t side, float voxel_size);

  /// keys [n] ascending, xyz [n,3] metres; `changed`: the keys that came, went or moved since the
  /// last update, in any order. Costs about 2 µs per cube near a change, whatever n.
  void update(std::span<const kernels::VoxelKey> keys, std::span<const float> xyz,
              std::span<const kernels::VoxelKey> changed);
  /// Rows of the last update's `keys` whose shape it computed, with the shape.
  struct ChangedRow {
    std::size_t row;
    CubeShape shape;
  };
  [[nodiscard]] std::span<const ChangedRow> changed_rows() const noexcept { return changed_rows_; }
  /// Cubes in which something is.
  [[nodiscard]] std::int64_t size() const noexcept {
    return static_cast<std::int64_t>(cube_.size());
  }
  void clear();

 private:
  [[nodiscard]] kernels::VoxelIndex cube_of(const kernels::VoxelIndex& voxel) const noexcept;
  [[nodiscard]] kernels::VoxelIndex first_voxel(const kernels::VoxelIndex& cube) const noexcept;
  template <typename Visit>
  void for_each_inside(std::span<const kernels::VoxelKey> keys, const kernels::VoxelIndex& cube,
                       Visit&& visit) const;
  [[nodiscard]] SpreadSum spread_inside(std::span<const kernels::VoxelKey> keys,
                                        std::span<const float> xyz,
                                        const kernels::VoxelIndex& cube) const;
  [[nodiscard]] CubeShape shape_around(const kernels::VoxelIndex& cube) const;
  void refresh_spreads(std::span<const kernels::VoxelKey> keys, std::span<const float> xyz);

  std::int32_t side_;
  double voxel_size_;
  // Per cube in which something is.
  std::vector<kernels::VoxelKey> cube_;  // ascending
  std::vector<SpreadSum> inside_;        // places relative to the cube's first voxel
  // Of the last update, and scratch.
  std::vector<ChangedRow> changed_rows_;
  std::vector<kernels::VoxelKey> changed_cubes_;
  std::vector<std::uint8_t> outdated_;
  std::vector<kernels::VoxelKey> next_cube_;
  std::vector<SpreadSum> next_inside_;
};

}  // namespace sluice::spatial3d
