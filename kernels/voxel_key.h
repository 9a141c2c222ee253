// Names for the cells of an endless cubic lattice.
#pragma once

#include <cstdint>

namespace sluice::kernels {

/// Lattice coordinates, 21 bits each; keys order like (x, y, z). Never negative, so that a negative
/// number can mean "none".
using VoxelKey = std::int64_t;

inline constexpr int voxel_axis_bits = 21;
inline constexpr std::int64_t voxel_axis_offset = std::int64_t{1} << (voxel_axis_bits - 1);
inline constexpr VoxelKey no_voxel = -1;

struct VoxelIndex {
  std::int32_t x = 0, y = 0, z = 0;
  friend constexpr bool operator==(const VoxelIndex&, const VoxelIndex&) = default;
};

[[nodiscard]] constexpr bool is_representable(const VoxelIndex& v) noexcept {
  const auto fits = [](std::int64_t c) { return -voxel_axis_offset <= c && c < voxel_axis_offset; };
  return fits(v.x) && fits(v.y) && fits(v.z);
}

/// Requires is_representable(v).
[[nodiscard]] constexpr VoxelKey pack(const VoxelIndex& v) noexcept {
  return ((v.x + voxel_axis_offset) << (2 * voxel_axis_bits)) |
         ((v.y + voxel_axis_offset) << voxel_axis_bits) | (v.z + voxel_axis_offset);
}

[[nodiscard]] constexpr VoxelIndex unpack(VoxelKey key) noexcept {
  constexpr std::int64_t mask = (std::int64_t{1} << voxel_axis_bits) - 1;
  return {static_cast<std::int32_t>((key >> (2 * voxel_axis_bits)) - voxel_axis_offset),
          static_cast<std::int32_t>(((key >> voxel_axis_bits) & mask) - voxel_axis_offset),
          static_cast<std::int32_t>((key & mask) - voxel_axis_offset)};
}

/// The cell of a point: rnd(coordinate / size) per axis in single precision, half to even, as
/// published (LLaVA-3D). no_voxel if a coordinate is not finite or the cell is not representable.
/// Cell centres lie at whole multiples of `size`.
[[nodiscard]] VoxelKey voxel_of(const float* xyz, float size) noexcept;

}  // namespace sluice::kernels
