// The voxels of a map in the order they were last seen.
#pragma once

#include <cstdint>

#include "spatial3d/voxel_store.h"

namespace sluice::spatial3d {

/// A doubly linked list through the voxels' records. A frame moves what it saw to the end in
/// ascending order of keys, so the list is ordered by last frame, then by key.
class RecencyList {
 public:
  /// no_slot if the list is empty.
  [[nodiscard]] std::int32_t oldest() const noexcept { return oldest_; }

  void append(VoxelStore& store, std::int32_t slot) noexcept {
    store[slot].older = newest_;
    store[slot].newer = no_slot;
    (newest_ == no_slot ? oldest_ : store[newest_].newer) = slot;
    newest_ = slot;
  }
  void remove(VoxelStore& store, std::int32_t slot) noexcept {
    const VoxelRecord& record = store[slot];
    (record.older == no_slot ? oldest_ : store[record.older].newer) = record.newer;
    (record.newer == no_slot ? newest_ : store[record.newer].older) = record.older;
  }
  void clear() noexcept { oldest_ = newest_ = no_slot; }

 private:
  std::int32_t oldest_ = no_slot;
  std::int32_t newest_ = no_slot;
};

}  // namespace sluice::spatial3d
