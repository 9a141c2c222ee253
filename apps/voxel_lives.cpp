#include "apps/voxel_lives.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <tuple>
#include <utility>

namespace sluice::apps {

using spatial3d::SpatialUpdate;
using stream::DropReason;
using stream::SpatialTraceVoxel;

void VoxelLives::add(const SpatialUpdate& update, const spatial3d::SpatialReducer& reducer) {
  // No patch of a frame is in a voxel that the frame removes.
  end_lives(update.changes.seen_through, DropReason::seen_through);
  end_lives(update.changes.evicted, DropReason::evicted);
  constexpr float nowhere = std::numeric_limits<float>::quiet_NaN();
  const auto places = reducer.places();
  const auto& voxels = update.changes.voxel_of_patch;
  for (std::size_t patch = 0; patch < voxels.size(); ++patch) {
    std::array<float, 3> place{nowhere, nowhere, nowhere};
    if (!places.empty())
      std::copy_n(places.begin() + 3 * static_cast<std::ptrdiff_t>(patch), 3, place.begin());
    add_patch(update, voxels[patch], place);
  }
  trace_.first_patch.push_back(static_cast<std::int64_t>(trace_.patch_voxel.size()));
}

void VoxelLives::add_patch(const SpatialUpdate& update, std::int64_t voxel,
                           const std::array<float, 3>& place) {
  trace_.patch_xyz.insert(trace_.patch_xyz.end(), place.begin(), place.end());
  if (voxel < 0) {
    trace_.patch_voxel.push_back(static_cast<std::int32_t>(voxel));
    return;
  }
  const auto next = static_cast<std::int32_t>(trace_.voxels.size());
  const auto [living, is_new] = living_.try_emplace(voxel, next);
  if (is_new) {
    SpatialTraceVoxel born;
    born.key = voxel;
    born.first_frame = born.last_frame = update.frame;
    born.views = 1;
    trace_.voxels.push_back(born);
    place_sums_.push_back({});
  }
  const auto index = static_cast<std::size_t>(living->second);
  SpatialTraceVoxel& life = trace_.voxels[index];
  if (life.last_frame != update.frame) ++life.views;
  life.last_frame = update.frame;
  ++life.weight;
  for (std::size_t axis = 0; axis < 3; ++axis)
    place_sums_[index][axis] += static_cast<double>(place[axis]);
  trace_.patch_voxel.push_back(living->second);
}

void VoxelLives::end_lives(const std::vector<kernels::VoxelKey>& keys, DropReason reason) {
  for (const kernels::VoxelKey key : keys) {
    const auto living = living_.find(key);
    if (living == living_.end()) continue;
    trace_.voxels[static_cast<std::size_t>(living->second)].fate =
        static_cast<std::int32_t>(reason);
    living_.erase(living);
  }
}

void VoxelLives::finish(const spatial3d::GateDecision& decision,
                        const spatial3d::SpatialReducer& reducer) {
  for (std::size_t v = 0; v < trace_.voxels.size(); ++v) {
    SpatialTraceVoxel& life = trace_.voxels[v];
    const auto mean = [&](std::size_t axis) {
      return static_cast<float>(place_sums_[v][axis] / static_cast<double>(life.weight));
    };
    life.x = mean(0);
    life.y = mean(1);
    life.z = mean(2);
  }
  const spatial3d::VoxelTable& table = reducer.table();
  std::vector<std::int32_t> output(table.key.size(),
                                   static_cast<std::int32_t>(DropReason::not_selected));
  for (std::size_t i = 0; i < decision.keep.size(); ++i)
    output[static_cast<std::size_t>(decision.keep[i])] = static_cast<std::int32_t>(i);
  for (std::size_t row = 0; row < table.key.size(); ++row) {
    const auto living = living_.find(table.key[row]);
    if (living == living_.end()) continue;
    SpatialTraceVoxel& life = trace_.voxels[static_cast<std::size_t>(living->second)];
    life.score = decision.score[row];
    life.fate = output[row];
    if (life.fate >= 0) life.reason = decision.reason[static_cast<std::size_t>(life.fate)];
  }
  order();
}

void VoxelLives::order() {
  auto& voxels = trace_.voxels;
  std::vector<std::int32_t> order(voxels.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
    const auto when = [&](std::int32_t v) {
      const SpatialTraceVoxel& life = voxels[static_cast<std::size_t>(v)];
      return std::tuple(life.key, life.first_frame, v);
    };
    return when(a) < when(b);
  });
  std::vector<SpatialTraceVoxel> ordered;
  ordered.reserve(voxels.size());
  std::vector<std::int32_t> place(voxels.size());
  for (const std::int32_t v : order) {
    place[static_cast<std::size_t>(v)] = static_cast<std::int32_t>(ordered.size());
    ordered.push_back(voxels[static_cast<std::size_t>(v)]);
  }
  voxels = std::move(ordered);
  for (std::int32_t& patch : trace_.patch_voxel)
    if (patch >= 0) patch = place[static_cast<std::size_t>(patch)];
}

}  // namespace sluice::apps
