// Keeps tables of a map's voxels up to date.
#pragma once

#include <cstdint>
#include <vector>

#include "spatial3d/table_order.h"
#include "spatial3d/voxel_store.h"
#include "spatial3d/voxel_table.h"

namespace sluice::spatial3d {

/// A table that shows the state of its last update() gets only the rows that changed since; any
/// other one is written anew.
class TableWriter {
 public:
  /// Begins a frame that touches `touched` voxels and removes at most `removed`, so that
  /// noting them does not allocate.
  void begin_frame(const VoxelStore& store, std::int64_t touched, std::int64_t removed);
  void note_new(kernels::VoxelKey key, std::int32_t slot) noexcept { order_.note_new(key, slot); }
  void note_gone(kernels::VoxelKey key) noexcept { order_.note_gone(key); }
  void note_seen(kernels::VoxelKey key) noexcept {
    seen_.push_back(key);
    current_.push_back(key);
  }
  void clear() noexcept;

  /// `frame`: the last one's number.
  void update(const VoxelStore& store, std::int32_t frame, VoxelTable& table);

 private:
  void continue_rows(const VoxelStore& store, std::int32_t frame, VoxelTable& table) const;
  void rewrite(const VoxelStore& store, std::int32_t frame, VoxelTable& table) const;

  TableOrder order_;
  std::vector<kernels::VoxelKey> seen_;     // since the last update
  std::vector<kernels::VoxelKey> current_;  // in the last frame
  std::vector<kernels::VoxelKey> marked_;   // as in view in the last table
  std::uint64_t version_ = 0;               // of that table; 0: no table can be continued
};

}  // namespace sluice::spatial3d
