// How the surface around each voxel bends: what the gate goes by where nobody says what matters.
// Floors, walls and table tops are flat; things are not.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/voxel_key.h"
#include "spatial3d/cube_shapes.h"
#include "spatial3d/voxel_table.h"

namespace sluice::spatial3d {

struct SurfaceVariationOptions {
  float voxel_size = 0.2F;  ///< metres, of the table
  /// Close surroundings: the voxels up to this many away along each axis, or twice as many where
  /// that finds fewer than `min_neighbours`, as on far, thinly seen surfaces; if those are too few
  /// as well, the wide surroundings.
  std::int32_t near_radius = 2;
  std::int32_t min_neighbours = 8;  ///< the voxel itself included
  /// Wide surroundings: 3 × 3 × 3 cubes, the voxel's own in the middle. Against them a thing stands
  /// out that is flat itself, as a tray on a table. Their sides are the larger of these two: so
  /// many voxels, and so many metres, rounded to whole voxels.
  std::int32_t cube_voxels = 5;
  float cube_metres = 0.15F;
  /// Variation and relief of voxels with too few neighbours: a thing of its own, or noise.
  float isolated = 0.1F;
  /// A voxel's place may move by this many voxels before its surroundings are looked at again.
  double tolerance = 0.1;
};

/// From the eigenvalues λ₀ ≤ λ₁ ≤ λ₂ of the covariance of the voxels' places around a voxel.
struct SurfaceShape {
  /// √(λ₀ / (λ₀ + λ₁ + λ₂)) of the close surroundings, 0 to 0.577: surface variation (Pauly, Gross
  /// and Kobbelt, "Efficient simplification of point-sampled surfaces", 2002); its root, which is
  /// linear in the height of a step. 0 on a plane, 0.3 to 0.5 at edges and small things.
  float variation = 0;
  /// The same of the wide surroundings.
  float relief = 0;
  /// 1 − √(λ₁ / λ₂) of the wide surroundings: 0 for what spreads evenly, 1 for a line.
  float elongation = 0;
};

/// SurfaceShape of every row of a table that changes from frame to frame. Places that are not
/// finite are left out.
class SurfaceVariation {
 public:
  /// Throws sluice::Error (kind input) for options out of range.
  explicit SurfaceVariation(const SurfaceVariationOptions& options);

  /// Looks again only where voxels came, went or moved nearby. Costs O(n) to compare the table with
  /// the last one; docs/spatial_gate.md has the cost of a voxel.
  void update(const VoxelTable& table);
  /// [n] of the last table.
  [[nodiscard]] std::span<const SurfaceShape> shapes() const noexcept { return shape_; }
  /// How many rows' close surroundings the last update() looked at.
  [[nodiscard]] std::int64_t computed() const noexcept { return computed_; }
  void clear();

 private:
  void find_changes(const VoxelTable& table);
  void look_closely(const VoxelTable& table, std::size_t row);

  SurfaceVariationOptions options_;
  CubeShapes cubes_;
  std::int64_t computed_ = 0;
  // Per row of the last table.
  std::vector<kernels::VoxelKey> key_;
  std::vector<float> place_;  // [n,3] as of when the row was last taken for changed
  std::vector<SurfaceShape> shape_;
  std::vector<std::uint8_t> sparse_;  // 1: too few neighbours but for the wide surroundings
  // Scratch.
  std::vector<kernels::VoxelKey> changed_;
  std::vector<std::uint8_t> outdated_;  // [n]
  std::vector<float> next_place_;
  std::vector<SurfaceShape> next_shape_;
  std::vector<std::uint8_t> next_sparse_;
};

}  // namespace sluice::spatial3d
