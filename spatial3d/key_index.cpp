#include "spatial3d/key_index.h"

#include <algorithm>
#include <bit>

namespace sluice::spatial3d {

using kernels::no_voxel;
using kernels::VoxelKey;

void KeyIndex::reserve(std::int64_t count) {
  const auto wanted = std::bit_ceil(static_cast<std::size_t>(2 * std::max<std::int64_t>(count, 8)));
  if (wanted <= entries_.size()) return;
  std::vector<Entry> larger(wanted);
  entries_.swap(larger);
  size_ = 0;
  for (const Entry& entry : larger)
    if (entry.key != no_voxel) insert(entry.key, entry.value);
}

void KeyIndex::insert(VoxelKey key, std::int32_t value) noexcept {
  std::size_t at = home(key);
  while (entries_[at].key != no_voxel) at = next(at);
  entries_[at] = {key, value};
  ++size_;
}

void KeyIndex::erase(VoxelKey key) noexcept {
  if (entries_.empty()) return;
  std::size_t hole = home(key);
  while (entries_[hole].key != key) {
    if (entries_[hole].key == no_voxel) return;
    hole = next(hole);
  }
  --size_;
  // Whoever was pushed past the hole by a collision moves back into it.
  const std::size_t mask = entries_.size() - 1;
  for (std::size_t at = next(hole); entries_[at].key != no_voxel; at = next(at)) {
    const std::size_t probed = (at - home(entries_[at].key)) & mask;
    if (probed < ((at - hole) & mask)) continue;
    entries_[hole] = entries_[at];
    hole = at;
  }
  entries_[hole] = {};
}

void KeyIndex::clear() noexcept {
  std::fill(entries_.begin(), entries_.end(), Entry{});
  size_ = 0;
}

}  // namespace sluice::spatial3d
