// Where a voxel map keeps its voxels: one record and one row of features per slot.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/tensor.h"
#include "kernels/voxel_key.h"
#include "spatial3d/key_index.h"

namespace sluice::spatial3d {

inline constexpr std::int32_t no_slot = -1;

/// What is known of one voxel besides its features. What is asked of every voxel in view comes
/// first and fits a cache line.
struct alignas(64) VoxelRecord {
  kernels::VoxelKey key = kernels::no_voxel;
  std::int64_t weight = 0;      ///< patches pooled
  double place_sum[3] = {};     ///< metres, over those patches
  std::int32_t last_frame = 0;  ///< that saw it
  std::int32_t looks = 0;       ///< frames in a row that saw through it
  std::int32_t block = -1;      ///< BlockIndex: its block, and its neighbours there
  std::int32_t next_in_block = no_slot;
  std::int32_t previous_in_block = no_slot;
  std::int32_t older = no_slot;  ///< RecencyList: its neighbours there

  std::int32_t newer = no_slot;
  std::int32_t first_frame = 0;
  std::int32_t views = 0;           ///< frames that saw it
  std::int32_t directed_views = 0;  ///< of them, those with a known camera
  float mean_direction[3] = {};     ///< of unit vectors from the camera, over those
  float change = 0;                 ///< see VoxelTable::change
  float moved = 0;                  ///< how far the mean feature went since it was reported
  float reported_length = 0;        ///< of the mean feature when it was reported
  double first_pts = 0, last_pts = 0;
  double square = 0;  ///< of the sum of features
};

static_assert(sizeof(VoxelRecord) == 128);

/// A voxel's sum of features is halved whenever it stands for this many patches: a sum in f32 that
/// only grew would one day be too large to notice another patch. Halving is exact; what was seen
/// before counts for half from then on.
inline constexpr std::int64_t most_pooled = 1 << 16;

/// Patches that the sum of features stands for, of `weight` that were pooled.
[[nodiscard]] constexpr std::int64_t pooled_patches(std::int64_t weight) noexcept {
  return weight < most_pooled ? weight
                              : most_pooled / 2 + (weight - most_pooled) % (most_pooled / 2);
}
/// Whether the patch that makes it `weight` has the sum halved.
[[nodiscard]] constexpr bool halves_at(std::int64_t weight) noexcept {
  return weight >= most_pooled && weight % (most_pooled / 2) == 0;
}

/// Slots are numbers that stay the same while a voxel lives; those of removed voxels are used
/// again. Memory grows in chunks that never move, so growth copies nothing but the hash table.
class VoxelStore {
 public:
  static constexpr std::int64_t chunk = 4096;  ///< voxels

  /// Feature width; requires an empty store.
  void set_width(std::int64_t width);
  [[nodiscard]] std::int64_t width() const noexcept { return width_; }
  [[nodiscard]] std::int64_t size() const noexcept { return index_.size(); }
  /// Slots that were ever in use.
  [[nodiscard]] std::int64_t slots() const noexcept { return slots_; }

  /// no_slot if there is no such voxel.
  [[nodiscard]] std::int32_t find(kernels::VoxelKey key) const noexcept { return index_.find(key); }
  /// Makes room for `count` voxels more, so that insert() does not allocate.
  void reserve(std::int64_t count);
  /// A fresh record; the row is not initialised. Requires room and a key that is not there yet.
  std::int32_t insert(kernels::VoxelKey key) noexcept;
  void erase(std::int32_t slot) noexcept;
  /// Keeps the memory, unless the width changes afterwards.
  void clear() noexcept;

  [[nodiscard]] VoxelRecord& operator[](std::int32_t slot) noexcept {
    return *(records_[static_cast<std::size_t>(slot / chunk)].get() + slot % chunk);
  }
  [[nodiscard]] const VoxelRecord& operator[](std::int32_t slot) const noexcept {
    return *(records_[static_cast<std::size_t>(slot / chunk)].get() + slot % chunk);
  }
  /// The sum of a voxel's features, of pooled_patches(weight): [width] f32.
  [[nodiscard]] float* row(std::int32_t slot) noexcept {
    auto& rows = rows_[static_cast<std::size_t>(slot / chunk)];
    return static_cast<float*>(rows.data()) + slot % chunk * width_;
  }
  [[nodiscard]] const float* row(std::int32_t slot) const noexcept {
    const auto& rows = rows_[static_cast<std::size_t>(slot / chunk)];
    return static_cast<const float*>(rows.data()) + slot % chunk * width_;
  }

 private:
  std::int64_t width_ = 0;
  std::int64_t slots_ = 0;
  KeyIndex index_;
  std::vector<std::unique_ptr<VoxelRecord[]>> records_;
  std::vector<kernels::Tensor> rows_;  // [chunk, width] each
  std::vector<std::int32_t> free_;
};

}  // namespace sluice::spatial3d
