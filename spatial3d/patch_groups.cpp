#include "spatial3d/patch_groups.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "kernels/row_operations.h"
#include "spatial3d/voxel_update.h"
#include "stream/pose.h"

namespace sluice::spatial3d {
namespace {

using kernels::VoxelKey;
using stream::DropReason;

/// Patches handed to a thread at a time: their keys share cache lines.
constexpr std::int64_t patches_per_task = 32;

/// Decides where one patch goes.
class Placer {
 public:
  Placer(const kernels::cpu::RowKernels& kernels, const MapView& view,
         const VoxelMapOptions& options)
      : kernels_(kernels), view_(view), voxel_size_(options.voxel_size) {
    if (!view.pose || options.max_distance == 0) return;
    camera_ = stream::origin(*view.pose);
    max_distance_ = options.max_distance;
  }

  [[nodiscard]] std::int64_t voxel_of(std::int64_t patch) const {
    const float* xyz = view_.xyz.data() + 3 * patch;
    if (std::isnan(xyz[0]) || std::isnan(xyz[1]) || std::isnan(xyz[2]))
      return static_cast<std::int64_t>(DropReason::no_depth);
    const VoxelKey key = kernels::voxel_of(xyz, voxel_size_);
    if (key == kernels::no_voxel || is_too_far(xyz))
      return static_cast<std::int64_t>(DropReason::outside);
    const auto& features = view_.features;
    if (!kernels::is_finite_row(kernels_, features, patch))
      return static_cast<std::int64_t>(DropReason::non_finite);
    return key;
  }

 private:
  [[nodiscard]] bool is_too_far(const float* xyz) const {
    if (!camera_) return false;
    const auto& from = *camera_;
    return std::hypot(static_cast<double>(xyz[0]) - from[0], static_cast<double>(xyz[1]) - from[1],
                      static_cast<double>(xyz[2]) - from[2]) > max_distance_;
  }

  const kernels::cpu::RowKernels& kernels_;
  const MapView& view_;
  float voxel_size_;
  std::optional<stream::Vec3> camera_;
  double max_distance_ = 0;
};

}  // namespace

void PatchGroups::group(kernels::Resources& resources, const MapView& view,
                        const VoxelMapOptions& options, std::vector<std::int64_t>& voxel_of_patch) {
  const std::int64_t patches = view.features.size(0);
  voxel_of_patch.resize(static_cast<std::size_t>(patches));
  const Placer placer(resources.rows(), view, options);
  resources.pool().parallel_for(
      (patches + patches_per_task - 1) / patches_per_task, [&](std::int64_t task, int) {
        const std::int64_t end = std::min((task + 1) * patches_per_task, patches);
        for (std::int64_t patch = task * patches_per_task; patch < end; ++patch)
          voxel_of_patch[static_cast<std::size_t>(patch)] = placer.voxel_of(patch);
      });

  placed_.clear();
  for (std::size_t patch = 0; patch < voxel_of_patch.size(); ++patch)
    if (voxel_of_patch[patch] >= 0)
      placed_.emplace_back(voxel_of_patch[patch], static_cast<std::int32_t>(patch));
  std::sort(placed_.begin(), placed_.end());
  patches_.clear();
  groups_.clear();
  for (const auto& [key, patch] : placed_) {
    if (groups_.empty() || groups_.back().key != key)
      groups_.push_back({key, static_cast<std::int32_t>(patches_.size()), 0});
    patches_.push_back(patch);
    ++groups_.back().count;
  }
}

}  // namespace sluice::spatial3d
