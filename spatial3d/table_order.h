// The voxels of a map in ascending order of keys, brought up to date only when asked for.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/voxel_key.h"
#include "spatial3d/make_room.h"
#include "spatial3d/voxel_store.h"

namespace sluice::spatial3d {

/// What turns the rows of an ordered table into those of the next one.
struct RowEdits {
  std::vector<std::int64_t> erased;    ///< rows before, ascending
  std::vector<std::int64_t> inserted;  ///< rows afterwards, ascending
};

/// Takes the erased rows out of a column, and makes room for the inserted ones. Rows have
/// `per_row` entries each; the contents of inserted ones are unspecified.
template <typename T>
void apply(const RowEdits& edits, std::size_t per_row, std::vector<T>& column);

/// Voxels that come and go are noted at a constant cost each, and merged in when the order is asked
/// for: a frame costs nothing for voxels that stay.
class TableOrder {
 public:
  struct Entry {
    kernels::VoxelKey key = kernels::no_voxel;
    std::int32_t slot = no_slot;
  };

  /// Makes room for `count` notes, so that noting does not allocate.
  void reserve(std::int64_t count) { make_room(notes_, notes() + count); }
  void note_new(kernels::VoxelKey key, std::int32_t slot) noexcept {
    notes_.push_back({{key, slot}, notes()});
  }
  void note_gone(kernels::VoxelKey key) noexcept { notes_.push_back({{key, no_slot}, notes()}); }
  [[nodiscard]] std::int64_t notes() const noexcept {
    return static_cast<std::int64_t>(notes_.size());
  }
  void clear() noexcept;

  /// Merges the notes in. Returns what that did to the rows, until the next call.
  const RowEdits& update();
  /// As of the last update.
  [[nodiscard]] std::span<const Entry> entries() const noexcept { return sorted_; }
  /// The row of a voxel as of the last update; -1 if it has none.
  [[nodiscard]] std::int64_t row_of(kernels::VoxelKey key) const noexcept;

 private:
  struct Note {
    Entry entry;  // without a slot: the voxel is gone
    std::int64_t when = 0;
  };

  void settle_notes();

  std::vector<Entry> sorted_;
  std::vector<Note> notes_;  // of what came and went since, oldest first
  RowEdits edits_;
};

template <typename T>
void apply(const RowEdits& edits, std::size_t per_row, std::vector<T>& column) {
  const auto move = [&](std::int64_t from, std::int64_t to, std::int64_t count) {
    const auto first = column.begin() + from * static_cast<std::int64_t>(per_row);
    const auto last = first + count * static_cast<std::int64_t>(per_row);
    const auto target = column.begin() + to * static_cast<std::int64_t>(per_row);
    if (to < from)
      std::move(first, last, target);
    else if (to > from)
      std::move_backward(first, last, target + (last - first));
  };
  auto rows = static_cast<std::int64_t>(column.size() / per_row);
  const auto erased = static_cast<std::int64_t>(edits.erased.size());
  for (std::int64_t i = 0; i < erased; ++i) {
    const std::int64_t from = edits.erased[static_cast<std::size_t>(i)] + 1;
    const std::int64_t end = i + 1 < erased ? edits.erased[static_cast<std::size_t>(i + 1)] : rows;
    move(from, from - i - 1, end - from);
  }
  rows -= erased;
  const auto inserted = static_cast<std::int64_t>(edits.inserted.size());
  column.resize(static_cast<std::size_t>(rows + inserted) * per_row);
  std::int64_t end = rows + inserted;  // afterwards
  for (std::int64_t i = inserted; i-- > 0;) {
    const std::int64_t begin = edits.inserted[static_cast<std::size_t>(i)] + 1;
    move(begin - i - 1, begin, end - begin);
    end = begin - 1;
  }
}

}  // namespace sluice::spatial3d
