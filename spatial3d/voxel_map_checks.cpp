#include "spatial3d/voxel_map_checks.h"

#include <cmath>
#include <limits>
#include <string_view>

#include "kernels/error.h"
#include "stream/pose.h"

namespace sluice::spatial3d {

void require(const VoxelMapOptions& options) {
  const auto in_range = [](bool good, std::string_view what, auto value,
                           std::string_view expected) {
    if (!good) throw input_error(what, concat(value), expected);
  };
  const auto not_negative = [](double value) { return value >= 0 && std::isfinite(value); };
  in_range(options.voxel_size > 0 && std::isfinite(options.voxel_size), "voxel size",
           options.voxel_size, "metres above 0");
  in_range(options.looks_to_remove >= 1, "looks to remove", options.looks_to_remove, "at least 1");
  in_range(not_negative(static_cast<double>(options.depth_noise)), "depth noise",
           options.depth_noise, "metres, 0 or more");
  in_range(not_negative(options.max_distance), "largest distance", options.max_distance,
           "metres, 0 (no limit) or more");
  in_range(options.max_age >= 0, "largest age", options.max_age, "frames, 0 (no limit) or more");
  in_range(options.max_voxels >= 1 && options.max_voxels <= (std::int64_t{1} << 30), "most voxels",
           options.max_voxels, "1 to 2^30");
  in_range(not_negative(options.changed_threshold), "changed threshold", options.changed_threshold,
           "a share, 0 or more");
  in_range(options.change_rate > 0 && options.change_rate <= 1, "change rate", options.change_rate,
           "0 < rate ≤ 1");
}

void require(const MapView& view) {
  const auto& features = view.features;
  if (features.rank() != 2 || !kernels::is_feature_type(features.dtype()) ||
      !features.is_contiguous() || features.device().kind != kernels::Device::Kind::cpu)
    throw input_error("features of a map's frame",
                      concat(name(features.dtype()), " ", features.shape().to_string()),
                      "[S,D] of f32, f16 or bf16, contiguous in host memory");
  if (features.size(0) > std::numeric_limits<std::int32_t>::max())
    throw input_error("features of a map's frame", concat(features.size(0), " rows"),
                      "fewer than 2^31");
  if (static_cast<std::int64_t>(view.xyz.size()) != 3 * features.size(0))
    throw input_error("places of a map's frame", concat(view.xyz.size(), " numbers"),
                      concat("three for each of ", features.size(0), " features"));
  if (view.frame < 0) throw input_error("frame", concat(view.frame), "0 or more");
  if (!std::isfinite(view.pts)) throw input_error("time of a map's frame", "not finite", "seconds");
  if (view.pose && !stream::is_rigid(*view.pose))
    throw input_error("pose of a map's frame", "not a rigid transform", "camera to world, 4x4");
  if (!view.depth.defined()) return;
  if (view.depth.rank() != 2 || view.depth.dtype() != kernels::DType::f32 ||
      !view.depth.is_contiguous() || view.depth.device().kind != kernels::Device::Kind::cpu)
    throw input_error("depth of a map's frame",
                      concat(name(view.depth.dtype()), " ", view.depth.shape().to_string()),
                      "[H,W] f32 metres, contiguous in host memory");
  const auto& camera = view.intrinsics;
  if (!(camera.fx > 0 && camera.fy > 0) || !std::isfinite(camera.fx) || !std::isfinite(camera.fy) ||
      !std::isfinite(camera.cx) || !std::isfinite(camera.cy))
    throw input_error("intrinsics of a map's frame",
                      concat(camera.fx, ' ', camera.fy, ' ', camera.cx, ' ', camera.cy),
                      "positive focal lengths and a finite principal point, in pixels");
}

}  // namespace sluice::spatial3d
