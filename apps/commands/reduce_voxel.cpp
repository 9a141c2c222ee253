#include "apps/commands/reduce_voxel.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <span>
#include <vector>

#include "apps/aligned_tensor.h"
#include "apps/commands/exit_code.h"
#include "apps/output_folder.h"
#include "apps/reduction_options.h"
#include "kernels/error.h"
#include "spatial3d/back_projection.h"
#include "stream/depth_image.h"
#include "stream/pose.h"
#include "stream/tensor_access.h"
#include "stream/token_file.h"

namespace sluice::apps {
namespace {

using kernels::DType;
using kernels::Tensor;
using kernels::TensorView;
using spatial3d::VoxelTokens;
using stream::DropReason;
using stream::Intrinsics;
using stream::Pose;

/// f32, f16, bf16 or f64 elements, without loss.
std::vector<double> doubles_of(const TensorView& floats) {
  if (floats.dtype() == DType::f64) return stream::to_vector<double>(floats);
  std::vector<float> values(static_cast<std::size_t>(floats.shape().element_count()));
  stream::convert_to_f32(floats, values);
  return {values.begin(), values.end()};
}

/// V views in a file, with what their shapes promise.
struct Views {
  explicit Views(const stream::SafetensorsView& blob) : file(blob) {
    (void)stream::require_features(file, "features", {-1, -1, -1, -1});
    features = aligned(file, "features", copy);
    if (features.empty())
      throw input_error(stream::tensor_place(file, "features"),
                        concat("has shape ", features.shape().to_string()),
                        "[views, rows, columns, width] with at least one of each");
    depth = stream::require_floats(file, "depth", {count(), -1, -1});
    poses = doubles_of(stream::require_floats(file, "pose", {count(), 4, 4}));
    const bool shared = file.view("intrinsics").rank() == 2;
    intrinsics = doubles_of(shared ? stream::require_floats(file, "intrinsics", {3, 3})
                                   : stream::require_floats(file, "intrinsics", {count(), 3, 3}));
    intrinsics_stride = shared ? 0 : 9;
    if (file.contains("pts")) pts = doubles_of(stream::require_floats(file, "pts", {count()}));
    if (std::any_of(pts.begin(), pts.end(), [](double t) { return !std::isfinite(t); }))
      throw input_error(stream::tensor_place(file, "pts"), "is not finite", "seconds");
  }

  [[nodiscard]] std::int64_t count() const { return features.size(0); }
  [[nodiscard]] stream::Grid grid() const {
    return {static_cast<std::int32_t>(features.size(1)),
            static_cast<std::int32_t>(features.size(2))};
  }
  [[nodiscard]] std::int64_t positions() const { return features.size(1) * features.size(2); }
  [[nodiscard]] std::int64_t patches() const { return count() * positions(); }

  [[nodiscard]] Pose pose(std::int64_t view) const {
    Pose pose{};
    std::copy_n(poses.begin() + 16 * view, 16, pose.begin());
    return pose;
  }

  /// Throws sluice::Error for a matrix that is no pinhole camera's.
  [[nodiscard]] Intrinsics camera(std::int64_t view) const {
    const double* k = intrinsics.data() + intrinsics_stride * view;
    if (k[1] != 0 || k[3] != 0 || k[6] != 0 || k[7] != 0 || k[8] != 1)
      throw input_error("intrinsics", "is no pinhole camera's", "fx 0 cx, 0 fy cy, 0 0 1");
    return {k[0], k[4], k[2], k[5]};
  }

  const stream::SafetensorsView& file;
  TensorView features, depth;
  Tensor copy;
  std::vector<double> poses, intrinsics, pts;
  std::int64_t intrinsics_stride = 0;
};

spatial3d::BackProjectionOptions projection_of(bool parity) {
  spatial3d::BackProjectionOptions options;
  if (!parity) return options;
  options.position = spatial3d::PatchPosition::top_left;
  options.min_depth = 0;
  options.max_depth = std::numeric_limits<float>::max();
  return options;
}

/// The published code doesn't mask pixels without depth: (u−cx)·0/fx and so on is the camera
/// itself.
void put_at_camera(const Pose& pose, std::span<float> xyz) {
  const stream::Vec3 camera = stream::origin(pose);
  for (std::size_t i = 0; i < xyz.size(); i += 3)
    if (std::isnan(xyz[i]))
      for (std::size_t axis = 0; axis < 3; ++axis) xyz[i + axis] = static_cast<float>(camera[axis]);
}

struct Places {
  std::vector<float> xyz;          ///< [V·h·w,3] metres in the world; NaN where there is none
  std::vector<std::int64_t> lost;  ///< views without a pose
};

Places place(kernels::Resources& resources, const Views& views, bool parity) {
  const auto options = projection_of(parity);
  Places places;
  Tensor depth(DType::f32, {views.depth.size(1), views.depth.size(2)});
  std::vector<float> xyz;
  for (std::int64_t v = 0; v < views.count(); ++v) {
    const Pose pose = views.pose(v);
    if (!stream::is_finite(pose)) {
      places.lost.push_back(v);
      places.xyz.insert(places.xyz.end(), static_cast<std::size_t>(3 * views.positions()),
                        std::numeric_limits<float>::quiet_NaN());
      continue;
    }
    stream::convert_to_f32(views.depth[v], depth.as<float>());
    stream::clean_depth(depth.as<float>());
    try {
      back_project(resources, depth, views.camera(v), pose, views.grid(), options, xyz);
    } catch (const Error& error) {
      throw input_error(concat(views.file.where(), ", view ", v), error.what());
    }
    if (parity) put_at_camera(pose, xyz);
    places.xyz.insert(places.xyz.end(), xyz.begin(), xyz.end());
  }
  return places;
}

VoxelTokens pool(kernels::Resources& resources, const Views& views, const Places& places,
                 const spatial3d::VoxelTokenOptions& options) {
  const auto positions = static_cast<std::size_t>(views.positions());
  std::vector<std::int32_t> frame;
  std::vector<double> pts;
  for (std::int64_t v = 0; v < views.count(); ++v) {
    frame.insert(frame.end(), positions, static_cast<std::int32_t>(v));
    pts.insert(pts.end(), positions,
               views.pts.empty() ? 0.0 : views.pts[static_cast<std::size_t>(v)]);
  }
  const TensorView rows(views.features.data(), views.features.dtype(),
                        {views.patches(), views.features.size(3)});
  return voxel_tokens(resources, rows, places.xyz, frame, pts, options);
}

stream::TokenFile token_file(VoxelTokens&& result, const Views& views) {
  stream::TokenFile file;
  stream::TokenBatch& tokens = result.tokens;
  file.space = stream::TokenSpace::world;
  file.source = tokens.source;
  file.source.grid_rows = views.grid().rows;
  file.source.grid_cols = views.grid().cols;
  file.features = std::move(tokens.features);
  file.frame = std::move(tokens.frame);
  file.frame_last = std::move(tokens.frame_last);
  file.weight = std::move(tokens.weight);
  file.kind = std::move(tokens.kind);
  if (!views.pts.empty()) file.pts = std::move(tokens.pts);
  file.xyz = std::move(tokens.xyz);
  file.key = std::move(tokens.key);
  file.views = std::move(result.views);
  file.score.assign(file.key.size(), 0.0F);  // nothing was ranked
  file.reason = std::move(tokens.reason);
  file.assignment = std::move(result.assignment);
  file.frames = views.count();
  file.positions = views.positions();
  return file;
}

std::map<std::string, std::string> settings_of(const VoxelOptions& options) {
  std::map<std::string, std::string> settings{{"method", "voxel"},
                                              {"voxel_size", fmt::format("{}", options.voxel_size)},
                                              {"max_tokens", fmt::format("{}", options.max_tokens)},
                                              {"rounding", options.rounding}};
  if (options.rounding == "parity") settings["seed"] = fmt::format("{}", options.seed.value_or(0));
  return settings;
}

void put_totals(stream::TokenFile& tokens, std::int64_t patches, std::int64_t voxels,
                std::int64_t lost_views) {
  const auto dropped = [&](DropReason reason) {
    return std::count(tokens.assignment.begin(), tokens.assignment.end(),
                      static_cast<std::int32_t>(reason));
  };
  const std::int64_t non_finite = dropped(DropReason::non_finite);
  const std::int64_t placed =
      patches - non_finite - dropped(DropReason::no_depth) - dropped(DropReason::outside);
  for (const auto& [key, value] :
       {std::pair{"frames", tokens.frames}, std::pair{"patches", patches},
        std::pair{"placed", placed}, std::pair{"voxels", voxels},
        std::pair{"kept", std::ssize(tokens.key)}, std::pair{"non_finite", non_finite},
        std::pair{"poses_given", tokens.frames - lost_views},
        std::pair{"poses_missing", lost_views}})
    tokens.metadata[key] = fmt::format("{}", value);
}

}  // namespace

void add_voxel_options(CLI::App& command, VoxelOptions& options) {
  command
      .add_option("--voxel-size", options.voxel_size,
                  "Metres: rooms 0.2 as published, table tops 0.03, robots 0.02")
      ->capture_default_str();
  command
      .add_option("--max-tokens", options.max_tokens,
                  "Above it, those that cover the space best are kept; 0: no cap")
      ->capture_default_str();
  command.add_option("--seed", options.seed,
                     "Of the sample that --rounding parity keeps above the cap [0]");
}

int run_voxel(const std::filesystem::path& input, const std::filesystem::path& output,
              const VoxelOptions& options, int threads) {
  const bool parity = options.rounding == "parity";
  if (options.seed && !parity)
    throw input_error("--seed", "nothing is drawn at random", "it with --rounding parity");
  refuse_to_overwrite(input, output);
  const stream::SafetensorsFile mapped(input);
  const Views views(mapped.contents());
  kernels::Resources resources(threads);
  const Places places = place(resources, views, parity);
  auto result = pool(
      resources, views, places,
      {.voxel_size = options.voxel_size,
       .max_tokens = options.max_tokens,
       .cap_choice = parity ? spatial3d::CapChoice::seeded_sample : spatial3d::CapChoice::farthest,
       .seed = options.seed.value_or(0)});
  const std::int64_t voxels = result.voxels;
  stream::TokenFile tokens = token_file(std::move(result), views);
  tokens.metadata = settings_of(options);
  tokens.metadata["settings_hash"] = settings_hash(tokens.metadata);
  put_totals(tokens, views.patches(), voxels, std::ssize(places.lost));
  stream::write_token_file(output, tokens);
  if (!places.lost.empty())
    fmt::print(stderr, "sluice: {}: left out {} of {} views without a pose: {}\n", input.string(),
               places.lost.size(), views.count(), fmt::join(places.lost, ", "));
  fmt::print("{} patches of {} views -> {} with a place -> {} voxels -> {} kept: {}\n",
             views.patches(), views.count(), tokens.metadata["placed"], voxels, tokens.key.size(),
             output.string());
  return exit_ok;
}

}  // namespace sluice::apps
