#include "spatial3d/see_through.h"

#include <algorithm>
#include <limits>
#include <span>

#include "spatial3d/free_space.h"

namespace sluice::spatial3d {
namespace {

/// Blocks handed to a thread at a time.
constexpr std::int64_t blocks_per_task = 8;

/// The largest finite value, or 0.
float largest(std::span<const float> values) noexcept {
  constexpr std::size_t lanes = 16;  // maxima are kept apart, so that the compiler can vectorise
  constexpr float none = std::numeric_limits<float>::infinity();
  float most[lanes] = {};
  std::size_t i = 0;
  for (; i + lanes <= values.size(); i += lanes)
    for (std::size_t lane = 0; lane < lanes; ++lane)
      most[lane] =
          values[i + lane] > most[lane] && values[i + lane] < none ? values[i + lane] : most[lane];
  for (; i < values.size(); ++i)
    most[0] = values[i] > most[0] && values[i] < none ? values[i] : most[0];
  return *std::max_element(std::begin(most), std::end(most));
}

}  // namespace

void SeeThrough::clear() noexcept {
  through_.clear();
  surface_.clear();
}

void SeeThrough::look(kernels::Resources& resources, const MapView& view,
                      const VoxelMapOptions& options, const VoxelStore& store,
                      const BlockIndex& blocks) {
  clear();
  const auto depth = view.depth.as<float>();
  // Nothing is seen behind the farthest depth, so nothing there can be seen through.
  const CameraView camera(view.intrinsics, view.depth.size(1), view.depth.size(0), *view.pose,
                          static_cast<double>(largest(depth)));
  blocks.in_view(camera, blocks_);
  found_.resize(static_cast<std::size_t>(resources.threads()));
  for (Found& found : found_) {
    found.through.clear();
    found.surface.clear();
  }
  FreeSpaceOptions free_space;
  free_space.depth_noise = static_cast<double>(options.depth_noise);
  const auto size = static_cast<double>(options.voxel_size);
  const auto look_at = [&](std::int32_t slot, Found& found) {
    const VoxelRecord& record = store[slot];
    const auto n = static_cast<double>(record.weight);
    const KnownSurface known{
        {record.place_sum[0] / n, record.place_sum[1] / n, record.place_sum[2] / n},
        blocks.centre(record.key),
        size};
    const Sight sight = spatial3d::look(camera, depth, known, free_space);
    if (sight == Sight::through) found.through.push_back(slot);
    if (sight == Sight::surface && record.looks > 0) found.surface.push_back(slot);
  };
  const std::int64_t count = std::ssize(blocks_);
  resources.pool().parallel_for(
      (count + blocks_per_task - 1) / blocks_per_task, [&](std::int64_t task, int worker) {
        Found& found = found_[static_cast<std::size_t>(worker)];
        const std::int64_t end = std::min((task + 1) * blocks_per_task, count);
        for (std::int64_t i = task * blocks_per_task; i < end; ++i)
          blocks.for_each_voxel(store, blocks_[static_cast<std::size_t>(i)],
                                [&](std::int32_t slot) { look_at(slot, found); });
      });
  for (const Found& found : found_) {
    through_.insert(through_.end(), found.through.begin(), found.through.end());
    surface_.insert(surface_.end(), found.surface.begin(), found.surface.end());
  }
  std::sort(through_.begin(), through_.end(),
            [&](std::int32_t a, std::int32_t b) { return store[a].key < store[b].key; });
}

}  // namespace sluice::spatial3d
