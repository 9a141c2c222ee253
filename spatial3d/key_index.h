// A hash map from voxel keys to small numbers: slots of voxels, numbers of blocks.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/voxel_key.h"

namespace sluice::spatial3d {

/// Open addressing with linear probing; entries move back when one before them is erased, so that
/// no tombstones pile up however long a stream lasts.
class KeyIndex {
 public:
  /// -1 if there is none.
  [[nodiscard]] std::int32_t find(kernels::VoxelKey key) const noexcept {
    if (entries_.empty()) return -1;
    for (std::size_t at = home(key);; at = next(at)) {
      const Entry& entry = entries_[at];
      if (entry.key == key) return entry.value;
      if (entry.key == kernels::no_voxel) return -1;
    }
  }
  /// Makes room for `count` keys in all, so that insert() does not allocate.
  void reserve(std::int64_t count);
  /// Requires room, a key that is not there yet, and value ≥ 0.
  void insert(kernels::VoxelKey key, std::int32_t value) noexcept;
  /// Nothing happens if the key is not there.
  void erase(kernels::VoxelKey key) noexcept;
  /// Keeps the memory.
  void clear() noexcept;
  [[nodiscard]] std::int64_t size() const noexcept { return size_; }

 private:
  struct Entry {
    kernels::VoxelKey key = kernels::no_voxel;
    std::int32_t value = -1;
  };

  /// Where the search for a key begins. Keys of neighbours differ in few bits: they are mixed
  /// (splitmix64) before the upper bits are cut off.
  [[nodiscard]] std::size_t home(kernels::VoxelKey key) const noexcept {
    auto bits = static_cast<std::uint64_t>(key);
    bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9U;
    bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebU;
    return (bits ^ (bits >> 31)) & (entries_.size() - 1);
  }
  [[nodiscard]] std::size_t next(std::size_t at) const noexcept {
    return (at + 1) & (entries_.size() - 1);
  }

  std::vector<Entry> entries_;  // a power of two, at most half full
  std::int64_t size_ = 0;
};

}  // namespace sluice::spatial3d
