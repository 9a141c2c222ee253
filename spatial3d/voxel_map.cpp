#include "spatial3d/voxel_map.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/cpu/row_kernels.h"
#include "kernels/error.h"
#include "spatial3d/block_index.h"
#include "spatial3d/patch_groups.h"
#include "spatial3d/recency_list.h"
#include "spatial3d/see_through.h"
#include "spatial3d/table_writer.h"
#include "spatial3d/voxel_map_checks.h"
#include "spatial3d/voxel_store.h"
#include "spatial3d/voxel_update.h"
#include "stream/pose.h"

namespace sluice::spatial3d {

using kernels::DType;
using kernels::VoxelKey;

namespace {

/// Voxels handed to a thread at a time.
constexpr std::int64_t groups_per_task = 8;

}  // namespace

/// A frame is taken in three steps: look at it, make room for what it brings, change the map. Only
/// the first two can fail.
struct VoxelMap::State {
  State(kernels::Resources& given_resources, const VoxelMapOptions& given_options)
      : resources(given_resources),
        options(given_options),
        blocks(static_cast<double>(given_options.voxel_size)),
        scratch(static_cast<std::size_t>(given_resources.threads())) {}

  void require_next(const MapView& view) const;
  void look(const MapView& view, MapChanges& changes);
  void make_room(const MapView& view, MapChanges& changes);
  void add(const MapView& view, MapChanges& changes) noexcept;
  void report_changed(MapChanges& changes) noexcept;
  void remove_seen_through(const MapView& view, MapChanges& changes) noexcept;
  void evict(const MapView& view, MapChanges& changes) noexcept;
  void withdraw_evicted(MapChanges& changes) const noexcept;

  [[nodiscard]] bool is_too_old(const VoxelRecord& record, std::int32_t frame) const noexcept;
  void erase(std::int32_t slot) noexcept;

  kernels::Resources& resources;
  VoxelMapOptions options;
  VoxelStore store;
  BlockIndex blocks;
  RecencyList recency;
  TableWriter writer;
  DType dtype = DType::f32;
  bool started = false;  // a frame was seen: dtype, width and last_frame are known
  std::int32_t last_frame = 0;

  // Of the current frame; kept for their memory.
  PatchGroups patches;
  std::vector<std::int32_t> slots;  // of the groups' voxels
  SeeThrough see_through;
  std::vector<std::int32_t> too_far;
  std::vector<RowScratch> scratch;  // one per thread
};

void VoxelMap::State::require_next(const MapView& view) const {
  require(view);
  if (!started) return;
  if (view.frame <= last_frame)
    throw input_error("frame", concat(view.frame), concat("a number above the last, ", last_frame));
  if (view.features.dtype() != dtype || view.features.size(1) != store.width())
    throw input_error(concat("features of frame ", view.frame),
                      concat(name(view.features.dtype()), ' ', view.features.shape().to_string()),
                      concat(name(dtype), " [S, ", store.width(), "], as the first frame's"));
}

void VoxelMap::State::look(const MapView& view, MapChanges& changes) {
  patches.group(resources, view, options, changes.voxel_of_patch);
  slots.clear();
  for (const auto& group : patches.groups()) slots.push_back(store.find(group.key));
  see_through.clear();
  if (options.see_through_removal && view.pose && view.depth.defined())
    see_through.look(resources, view, options, store, blocks);
  too_far.clear();
  if (options.max_distance > 0 && view.pose)
    blocks.beyond(store, stream::origin(*view.pose), options.max_distance, too_far);
}

void VoxelMap::State::make_room(const MapView& view, MapChanges& changes) {
  const auto touched = std::ssize(slots);
  const auto fresh = std::count(slots.begin(), slots.end(), no_slot);
  const auto through = std::ssize(see_through.through());
  std::int64_t evicted =
      std::ssize(too_far) + std::max<std::int64_t>(store.size() + fresh - options.max_voxels, 0);
  for (std::int32_t slot = recency.oldest(); slot != no_slot && is_too_old(store[slot], view.frame);
       slot = store[slot].newer)
    ++evicted;
  store.reserve(fresh);
  blocks.reserve(fresh);
  for (auto& each : scratch) each.reserve(store.width());
  changes.added.reserve(static_cast<std::size_t>(fresh));
  changes.changed.reserve(static_cast<std::size_t>(touched));
  changes.seen_through.reserve(static_cast<std::size_t>(through));
  changes.evicted.reserve(static_cast<std::size_t>(evicted));
  writer.begin_frame(store, touched, through + evicted);
}

void VoxelMap::State::add(const MapView& view, MapChanges& changes) noexcept {
  const auto& groups = patches.groups();
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const VoxelKey key = groups[i].key;
    if (slots[i] != no_slot) {
      recency.remove(store, slots[i]);
    } else {
      slots[i] = store.insert(key);
      blocks.add(store, slots[i]);
      writer.note_new(key, slots[i]);
      changes.added.push_back(key);
    }
    recency.append(store, slots[i]);
    writer.note_seen(key);
  }
  PatchView patch_view{view.frame, view.pts, view.features, view.xyz, {}, options.change_rate};
  if (view.pose) patch_view.camera = stream::origin(*view.pose);
  const std::int64_t tasks = (std::ssize(groups) + groups_per_task - 1) / groups_per_task;
  resources.pool().parallel_for(tasks, [&](std::int64_t task, int worker) {
    RowScratch& rows = scratch[static_cast<std::size_t>(worker)];
    const auto end =
        std::min(static_cast<std::size_t>((task + 1) * groups_per_task), groups.size());
    for (auto i = static_cast<std::size_t>(task * groups_per_task); i < end; ++i)
      add_patches(resources.rows(), patch_view, patches.patches(groups[i]), rows, store[slots[i]],
                  store.row(slots[i]));
  });
}

/// Steps of the mean are added up: their sum bounds how far it is from where it was reported, and
/// once the bound reaches the threshold the voxel is reported again.
void VoxelMap::State::report_changed(MapChanges& changes) noexcept {
  for (const std::int32_t slot : slots) {
    VoxelRecord& record = store[slot];
    const bool fresh = record.views == 1;
    const double allowed = options.changed_threshold * static_cast<double>(record.reported_length);
    if (!fresh && static_cast<double>(record.moved) <= allowed) continue;
    if (!fresh) changes.changed.push_back(record.key);
    record.moved = 0;
    record.reported_length = mean_length(record);
  }
}

void VoxelMap::State::remove_seen_through(const MapView& view, MapChanges& changes) noexcept {
  for (const std::int32_t slot : see_through.surface()) store[slot].looks = 0;
  for (const std::int32_t slot : see_through.through()) {
    VoxelRecord& record = store[slot];
    if (record.last_frame == view.frame) continue;  // a patch of this very frame lies in it
    if (++record.looks < options.looks_to_remove) continue;
    changes.seen_through.push_back(record.key);
    erase(slot);
  }
}

void VoxelMap::State::evict(const MapView& view, MapChanges& changes) noexcept {
  bool evicted_current = false;
  const auto forget = [&](std::int32_t slot) {
    const VoxelRecord& record = store[slot];
    evicted_current |= record.last_frame == view.frame;
    if (record.first_frame != view.frame) changes.evicted.push_back(record.key);
    erase(slot);
  };
  for (const std::int32_t slot : too_far) {
    const VoxelRecord& record = store[slot];
    if (record.key != kernels::no_voxel && record.last_frame != view.frame) forget(slot);
  }
  while (recency.oldest() != no_slot && is_too_old(store[recency.oldest()], view.frame))
    forget(recency.oldest());
  while (store.size() > options.max_voxels) forget(recency.oldest());
  std::sort(changes.evicted.begin(), changes.evicted.end());
  if (evicted_current) withdraw_evicted(changes);
}

/// Where a frame alone brings more voxels than there may be, some are forgotten at once: they were
/// neither added nor changed, and their patches are nowhere.
void VoxelMap::State::withdraw_evicted(MapChanges& changes) const noexcept {
  const auto is_gone = [&](VoxelKey key) { return store.find(key) == no_slot; };
  std::erase_if(changes.added, is_gone);
  std::erase_if(changes.changed, is_gone);
  for (auto& voxel : changes.voxel_of_patch)
    if (voxel >= 0 && is_gone(voxel))
      voxel = static_cast<std::int64_t>(stream::DropReason::evicted);
}

bool VoxelMap::State::is_too_old(const VoxelRecord& record, std::int32_t frame) const noexcept {
  return options.max_age > 0 &&
         std::int64_t{frame} - std::int64_t{record.last_frame} > options.max_age;
}

void VoxelMap::State::erase(std::int32_t slot) noexcept {
  writer.note_gone(store[slot].key);
  recency.remove(store, slot);
  blocks.remove(store, slot);
  store.erase(slot);
}

VoxelMap::VoxelMap(kernels::Resources& resources, const VoxelMapOptions& options) {
  require(options);
  state_ = std::make_unique<State>(resources, options);
}
VoxelMap::VoxelMap(VoxelMap&&) noexcept = default;
VoxelMap& VoxelMap::operator=(VoxelMap&&) noexcept = default;
VoxelMap::~VoxelMap() = default;

void VoxelMap::integrate(const MapView& view, MapChanges& changes) {
  State& state = *state_;
  state.require_next(view);
  if (!state.started) {
    state.store.set_width(view.features.size(1));
    state.dtype = view.features.dtype();
  }
  changes.clear();
  state.look(view, changes);
  state.make_room(view, changes);

  state.add(view, changes);
  state.report_changed(changes);
  state.remove_seen_through(view, changes);
  state.evict(view, changes);
  state.started = true;
  state.last_frame = view.frame;
}

void VoxelMap::clear() {
  state_->store.clear();
  state_->blocks.clear();
  state_->recency.clear();
  state_->writer.clear();
  state_->started = false;
}

std::int64_t VoxelMap::size() const noexcept {
  return state_->store.size();
}

const VoxelMapOptions& VoxelMap::options() const noexcept {
  return state_->options;
}

void VoxelMap::table(VoxelTable& table) const {
  state_->writer.update(state_->store, state_->last_frame, table);
}

void VoxelMap::features(const VoxelTable& table, std::span<const std::int32_t> rows,
                        kernels::Tensor& features) const {
  const VoxelStore& store = state_->store;
  const std::int64_t width = store.width();
  for (const std::int32_t row : rows) {
    const auto at = static_cast<std::size_t>(row);
    if (row < 0 || row >= table.size() || store.find(table.key[at]) != table.slot[at])
      throw input_error("row of a voxel table", concat(row),
                        concat("one of the ", store.size(),
                               " voxels, of a table taken since the map last changed"));
  }
  features.reshape(state_->dtype, {static_cast<std::int64_t>(rows.size()), width});
  const std::size_t row_bytes = static_cast<std::size_t>(width) * item_size(state_->dtype);
  const auto& kernels = state_->resources.rows();
  state_->resources.pool().parallel_for(
      static_cast<std::int64_t>(rows.size()), [&](std::int64_t i, int worker) {
        const auto at = static_cast<std::size_t>(rows[static_cast<std::size_t>(i)]);
        const std::int32_t slot = table.slot[at];
        float* mean = state_->scratch[static_cast<std::size_t>(worker)].first();
        const auto count = static_cast<float>(pooled_patches(store[slot].weight));
        const float* sum = store.row(slot);
        // Divided rather than multiplied by 1/count: the same rounding as kernels::pool_groups.
        for (std::int64_t d = 0; d < width; ++d) mean[d] = sum[d] / count;
        kernels.store(
            static_cast<std::byte*>(features.data()) + static_cast<std::size_t>(i) * row_bytes,
            mean, state_->dtype, width);
      });
}

}  // namespace sluice::spatial3d
