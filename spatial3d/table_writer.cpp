#include "spatial3d/table_writer.h"

#include <algorithm>
#include <atomic>
#include <cmath>

namespace sluice::spatial3d {
namespace {

using kernels::VoxelKey;

/// Unique among all maps of the process, because tables may be handed from one to the other.
std::uint64_t next_version() noexcept {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

float view_spread(const VoxelRecord& record) noexcept {
  if (record.directed_views == 0) return 0;
  double square = 0;
  for (const float component : record.mean_direction)
    square += static_cast<double>(component) * static_cast<double>(component);
  return static_cast<float>(std::clamp(1 - std::sqrt(square), 0.0, 1.0));
}

void write_row(const VoxelRecord& record, std::int32_t slot, std::int32_t frame, std::size_t row,
               VoxelTable& table) noexcept {
  table.key[row] = record.key;
  table.slot[row] = slot;
  for (std::size_t axis = 0; axis < 3; ++axis)
    table.xyz[3 * row + axis] =
        static_cast<float>(record.place_sum[axis] / static_cast<double>(record.weight));
  table.weight[row] = record.weight;
  table.views[row] = record.views;
  table.first_frame[row] = record.first_frame;
  table.last_frame[row] = record.last_frame;
  table.first_pts[row] = record.first_pts;
  table.last_pts[row] = record.last_pts;
  table.change[row] = record.change;
  table.view_spread[row] = view_spread(record);
  table.in_view[row] = record.last_frame == frame;
}

}  // namespace

void TableWriter::begin_frame(const VoxelStore& store, std::int64_t touched, std::int64_t removed) {
  // Whoever never asks for a table still has bounded notes.
  const std::int64_t most = std::max<std::int64_t>(store.size(), 1024);
  if (order_.notes() > most) {
    order_.update();
    version_ = 0;
  }
  if (std::ssize(seen_) > most) {
    seen_.clear();
    version_ = 0;
  }
  order_.reserve(touched + removed);
  make_room(seen_, std::ssize(seen_) + touched);
  make_room(current_, touched);
  make_room(marked_, touched);
  current_.clear();
}

void TableWriter::clear() noexcept {
  order_.clear();
  seen_.clear();
  current_.clear();
  marked_.clear();
  version_ = 0;
}

void TableWriter::update(const VoxelStore& store, std::int32_t frame, VoxelTable& table) {
  const RowEdits& edits = order_.update();
  const bool continues = version_ != 0 && table.version == version_;
  table.version = version_ = 0;  // until the table is complete
  if (continues) {
    for_each_table_column(
        table, [&](auto& column, std::size_t per_row) { apply(edits, per_row, column); });
    continue_rows(store, frame, table);
  } else {
    rewrite(store, frame, table);
  }
  seen_.clear();
  marked_ = current_;
  table.version = version_ = next_version();
}

void TableWriter::continue_rows(const VoxelStore& store, std::int32_t frame,
                                VoxelTable& table) const {
  const auto for_each_row = [&](const std::vector<VoxelKey>& keys, auto&& visit) {
    for (const VoxelKey key : keys)
      if (const std::int64_t row = order_.row_of(key); row >= 0)
        visit(static_cast<std::size_t>(row));
  };
  for_each_row(marked_, [&](std::size_t row) { table.in_view[row] = 0; });
  for_each_row(seen_, [&](std::size_t row) {
    const std::int32_t slot = order_.entries()[row].slot;
    write_row(store[slot], slot, frame, row, table);
  });
  for_each_row(current_, [&](std::size_t row) { table.in_view[row] = 1; });
}

void TableWriter::rewrite(const VoxelStore& store, std::int32_t frame, VoxelTable& table) const {
  const auto entries = order_.entries();
  for_each_table_column(
      table, [&](auto& column, std::size_t per_row) { column.resize(per_row * entries.size()); });
  for (std::size_t row = 0; row < entries.size(); ++row)
    write_row(store[entries[row].slot], entries[row].slot, frame, row, table);
}

}  // namespace sluice::spatial3d
