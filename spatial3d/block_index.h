// Finds the voxels in a part of space without looking at the others.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/voxel_key.h"
#include "spatial3d/camera_view.h"
#include "spatial3d/key_index.h"
#include "spatial3d/voxel_store.h"

namespace sluice::spatial3d {

/// Voxels in blocks of 8³, blocks in regions of 8³ blocks. Each block links its voxels through
/// their records, each region its blocks, so nothing is allocated once the memory is there.
class BlockIndex {
 public:
  explicit BlockIndex(double voxel_size) : size_(voxel_size) {}

  /// Makes room for `voxels` more, so that add() does not allocate.
  void reserve(std::int64_t voxels);
  void add(VoxelStore& store, std::int32_t slot) noexcept;
  void remove(VoxelStore& store, std::int32_t slot) noexcept;
  /// Keeps the memory.
  void clear() noexcept;

  /// Centre of a voxel in the world.
  [[nodiscard]] Vec3 centre(kernels::VoxelKey key) const noexcept;

  /// The blocks that may be in view, in no particular order.
  void in_view(const CameraView& view, std::vector<std::int32_t>& blocks) const;
  /// The voxels whose centres are farther than `distance` metres from a point, in no particular
  /// order.
  void beyond(const VoxelStore& store, const Vec3& point, double distance,
              std::vector<std::int32_t>& slots) const;

  /// Calls visit(slot) for each voxel of a block.
  template <typename Visit>
  void for_each_voxel(const VoxelStore& store, std::int32_t block, Visit&& visit) const {
    std::int32_t slot = blocks_[static_cast<std::size_t>(block)].first;
    for (; slot != no_slot; slot = store[slot].next_in_block) visit(slot);
  }

 private:
  static constexpr int block_bits = 3;
  static constexpr int region_bits = 6;

  /// A cube of 2^bits voxels per axis; `first` is a voxel's slot in a block, a block in a region.
  struct Cube {
    kernels::VoxelKey key = kernels::no_voxel;  // of voxel index >> bits; no_voxel: unused
    std::int32_t first = -1;
    std::int32_t region = -1;  // of a block, and its neighbours there
    std::int32_t next = -1, previous = -1;
  };
  struct Ball {
    Vec3 centre;
    double radius = 0;
  };

  [[nodiscard]] Ball ball(const Cube& cube, int bits) const noexcept;
  template <typename Visit>
  void for_each_region_in(const CameraView::Box& box, Visit&& visit) const;
  template <typename Visit>
  void for_each_block(const Cube& region, Visit&& visit) const;
  std::int32_t block_for(kernels::VoxelKey key) noexcept;
  std::int32_t region_for(kernels::VoxelKey key) noexcept;
  void drop_block(std::int32_t block) noexcept;

  double size_;
  KeyIndex block_of_, region_of_;
  std::vector<Cube> blocks_, regions_;
  std::vector<std::int32_t> free_blocks_, free_regions_;
};

}  // namespace sluice::spatial3d
