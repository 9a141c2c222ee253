#include "spatial3d/voxel_store.h"

#include <algorithm>

namespace sluice::spatial3d {

using kernels::DType;
using kernels::VoxelKey;

void VoxelStore::set_width(std::int64_t width) {
  if (width != width_) rows_.clear();
  width_ = width;
}

void VoxelStore::reserve(std::int64_t count) {
  index_.reserve(size() + count);
  const auto fresh = std::max<std::int64_t>(count - static_cast<std::int64_t>(free_.size()), 0);
  const auto chunks = static_cast<std::size_t>((slots_ + fresh + chunk - 1) / chunk);
  // Removing a voxel must not allocate either.
  free_.reserve(chunks * static_cast<std::size_t>(chunk));
  while (records_.size() < chunks) records_.push_back(std::make_unique<VoxelRecord[]>(chunk));
  while (rows_.size() < chunks) rows_.emplace_back(DType::f32, kernels::Shape{chunk, width_});
}

std::int32_t VoxelStore::insert(VoxelKey key) noexcept {
  std::int32_t slot = no_slot;
  if (free_.empty()) {
    slot = static_cast<std::int32_t>(slots_++);
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  (*this)[slot] = {};
  (*this)[slot].key = key;
  index_.insert(key, slot);
  return slot;
}

void VoxelStore::erase(std::int32_t slot) noexcept {
  VoxelRecord& record = (*this)[slot];
  index_.erase(record.key);
  record.key = kernels::no_voxel;
  free_.push_back(slot);
}

void VoxelStore::clear() noexcept {
  index_.clear();
  free_.clear();
  slots_ = 0;
}

}  // namespace sluice::spatial3d
