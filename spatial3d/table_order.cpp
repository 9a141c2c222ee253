#include "spatial3d/table_order.h"

#include <algorithm>
#include <iterator>

namespace sluice::spatial3d {

using kernels::VoxelKey;

namespace {

bool is_before(const TableOrder::Entry& entry, VoxelKey key) {
  return entry.key < key;
}

}  // namespace

void TableOrder::clear() noexcept {
  sorted_.clear();
  notes_.clear();
}

/// Leaves one note per key, the last one, in ascending order.
void TableOrder::settle_notes() {
  std::sort(notes_.begin(), notes_.end(), [](const Note& a, const Note& b) {
    return a.entry.key != b.entry.key ? a.entry.key < b.entry.key : a.when > b.when;
  });
  const auto same_key = [](const Note& a, const Note& b) { return a.entry.key == b.entry.key; };
  notes_.erase(std::unique(notes_.begin(), notes_.end(), same_key), notes_.end());
}

const RowEdits& TableOrder::update() {
  edits_.erased.clear();
  edits_.inserted.clear();
  if (notes_.empty()) return edits_;
  settle_notes();
  // A voxel that went and came back may have another slot: its row is taken out and put in again.
  auto at = sorted_.cbegin();
  for (const Note& note : notes_) {
    const VoxelKey key = note.entry.key;
    at = std::lower_bound(at, sorted_.cend(), key, is_before);
    const std::int64_t row = at - sorted_.cbegin();
    const bool known = at != sorted_.cend() && at->key == key;
    const std::int64_t shift = std::ssize(edits_.inserted) - std::ssize(edits_.erased);
    if (note.entry.slot != no_slot) edits_.inserted.push_back(row + shift);
    if (known) edits_.erased.push_back(row);
  }
  sorted_.reserve(sorted_.size() + edits_.inserted.size());
  apply(edits_, 1, sorted_);
  auto row = edits_.inserted.cbegin();
  for (const Note& note : notes_)
    if (note.entry.slot != no_slot) sorted_[static_cast<std::size_t>(*row++)] = note.entry;
  notes_.clear();
  return edits_;
}

std::int64_t TableOrder::row_of(VoxelKey key) const noexcept {
  const auto at = std::lower_bound(sorted_.begin(), sorted_.end(), key, is_before);
  return at != sorted_.end() && at->key == key ? at - sorted_.begin() : -1;
}

}  // namespace sluice::spatial3d
