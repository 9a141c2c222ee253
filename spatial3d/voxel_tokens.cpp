#include "spatial3d/voxel_tokens.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "kernels/error.h"
#include "kernels/point_sampling.h"
#include "kernels/row_operations.h"
#include "kernels/voxel_pool.h"

namespace sluice::spatial3d {
namespace {

using kernels::DType;
using kernels::Tensor;
using kernels::TensorView;
using kernels::VoxelGroups;
using stream::DropReason;
using stream::KeepReason;

void check(const TensorView& features, std::span<const float> xyz,
           std::span<const std::int32_t> frame, std::span<const double> pts,
           const VoxelTokenOptions& options) {
  if (features.rank() != 2 || !kernels::is_feature_type(features.dtype()))
    throw input_error("features",
                      concat("are ", name(features.dtype()), " ", features.shape().to_string()),
                      "[N,D] of f32, f16 or bf16");
  const auto points = static_cast<std::size_t>(features.size(0));
  if (points > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
    throw input_error("features", concat("have ", points, " rows"), "fewer than 2^31");
  if (xyz.size() != 3 * points)
    throw input_error("xyz", concat("has ", xyz.size(), " numbers"), concat("3 x ", points));
  if (frame.size() != points)
    throw input_error("frame", concat("has ", frame.size(), " entries"), concat(points));
  if (pts.size() != points)
    throw input_error("pts", concat("has ", pts.size(), " entries"), concat(points));
  if (!(options.voxel_size > 0) || !std::isfinite(options.voxel_size))
    throw input_error("voxel size", concat(options.voxel_size, " m"), "above 0, finite");
  if (options.max_tokens < 0)
    throw input_error("token cap", concat(options.max_tokens), "0 (none) or more");
}

/// All voxels with their mean features. A point with NaN or infinity among its features would spoil
/// its voxel's mean: it is taken out of `xyz` and marked. Those points are found by the means they
/// spoiled, so that the features are read once.
void pool(kernels::Resources& resources, const TensorView& features, std::vector<float>& xyz,
          float voxel_size, VoxelGroups& groups, Tensor& pooled,
          std::vector<std::int32_t>& assignment) {
  const auto group_and_pool = [&] {
    kernels::group_by_voxel(resources, xyz, voxel_size, groups);
    kernels::pool_groups(resources, features, groups, pooled);
  };
  group_and_pool();
  bool spoiled = false;
  for (std::int64_t v = 0; v < groups.size(); ++v) {
    if (kernels::is_finite_row(resources.rows(), pooled, v)) continue;
    const auto voxel = static_cast<std::size_t>(v);
    for (std::int32_t m = groups.first[voxel]; m < groups.first[voxel + 1]; ++m) {
      const auto point = static_cast<std::size_t>(groups.member[static_cast<std::size_t>(m)]);
      if (kernels::is_finite_row(resources.rows(), features, static_cast<std::int64_t>(point)))
        continue;
      std::fill_n(xyz.begin() + static_cast<std::ptrdiff_t>(3 * point), 3,
                  std::numeric_limits<float>::quiet_NaN());
      assignment[point] = static_cast<std::int32_t>(DropReason::non_finite);
      spoiled = true;
    }
  }
  if (spoiled) group_and_pool();
}

/// The voxels that become tokens, ascending.
std::vector<std::int32_t> choose(kernels::Resources& resources, const std::vector<float>& centres,
                                 std::int64_t voxels, const VoxelTokenOptions& options) {
  std::vector<std::int32_t> kept;
  if (options.max_tokens == 0 || voxels <= options.max_tokens) {
    kept.resize(static_cast<std::size_t>(voxels));
    std::iota(kept.begin(), kept.end(), 0);
  } else if (options.cap_choice == CapChoice::farthest) {
    kernels::farthest_points(resources, centres, options.max_tokens, kept);
  } else {
    kernels::seeded_sample(voxels, options.max_tokens, options.seed, kept);
  }
  return kept;
}

void take_rows(Tensor& pooled, const std::vector<std::int32_t>& kept, Tensor& features) {
  if (static_cast<std::int64_t>(kept.size()) == pooled.size(0)) {
    features = std::move(pooled);
    return;
  }
  const std::int64_t width = pooled.size(1);
  features.reshape(pooled.dtype(), {static_cast<std::int64_t>(kept.size()), width});
  const std::size_t bytes = static_cast<std::size_t>(width) * item_size(pooled.dtype());
  auto* out = static_cast<std::byte*>(features.data());
  for (std::size_t i = 0; bytes > 0 && i < kept.size(); ++i)
    std::memcpy(out + i * bytes, pooled.view().row(kept[i]), bytes);
}

/// Appends what the members of one voxel have in common.
void add_origin(const VoxelGroups& groups, std::size_t voxel, std::span<const std::int32_t> frame,
                std::span<const double> pts, std::vector<std::int32_t>& seen, VoxelTokens& result) {
  stream::TokenBatch& tokens = result.tokens;
  std::int32_t first = std::numeric_limits<std::int32_t>::max();
  std::int32_t last = std::numeric_limits<std::int32_t>::min();
  double first_pts = 0, last_pts = 0;
  seen.clear();
  for (std::int32_t m = groups.first[voxel]; m < groups.first[voxel + 1]; ++m) {
    const auto point = static_cast<std::size_t>(groups.member[static_cast<std::size_t>(m)]);
    const std::int32_t f = frame[point];
    if (f <= first) first_pts = f < first ? pts[point] : std::min(first_pts, pts[point]);
    if (f >= last) last_pts = f > last ? pts[point] : std::max(last_pts, pts[point]);
    first = std::min(first, f);
    last = std::max(last, f);
    seen.push_back(f);
  }
  std::sort(seen.begin(), seen.end());
  const auto views = std::unique(seen.begin(), seen.end()) - seen.begin();
  tokens.key.push_back(groups.key[voxel]);
  tokens.frame.push_back(first);
  tokens.frame_last.push_back(last);
  tokens.pts.push_back(first_pts);
  tokens.pts_last.push_back(last_pts);
  tokens.weight.push_back(groups.first[voxel + 1] - groups.first[voxel]);
  result.views.push_back(static_cast<std::int32_t>(views));
}

/// Every point's row, or why it has none; points marked before keep their mark.
void assign(const VoxelGroups& groups, const std::vector<std::int32_t>& kept,
            std::span<const float> xyz, std::vector<std::int32_t>& assignment) {
  std::vector<std::int32_t> row_of_voxel(static_cast<std::size_t>(groups.size()),
                                         static_cast<std::int32_t>(DropReason::over_cap));
  for (std::size_t row = 0; row < kept.size(); ++row)
    row_of_voxel[static_cast<std::size_t>(kept[row])] = static_cast<std::int32_t>(row);
  for (std::size_t i = 0; i < assignment.size(); ++i) {
    if (assignment[i] == static_cast<std::int32_t>(DropReason::non_finite)) continue;
    const std::int32_t voxel = groups.voxel[i];
    const bool has_place =
        !std::isnan(xyz[3 * i]) && !std::isnan(xyz[3 * i + 1]) && !std::isnan(xyz[3 * i + 2]);
    assignment[i] = voxel >= 0  ? row_of_voxel[static_cast<std::size_t>(voxel)]
                    : has_place ? static_cast<std::int32_t>(DropReason::outside)
                                : static_cast<std::int32_t>(DropReason::no_depth);
  }
}

}  // namespace

VoxelTokens voxel_tokens(kernels::Resources& resources, const TensorView& features,
                         std::span<const float> xyz, std::span<const std::int32_t> frame,
                         std::span<const double> pts, const VoxelTokenOptions& options) {
  check(features, xyz, frame, pts, options);
  VoxelTokens result;
  result.assignment.assign(frame.size(), static_cast<std::int32_t>(DropReason::no_depth));
  std::vector<float> places(xyz.begin(), xyz.end());
  VoxelGroups groups;
  Tensor pooled;
  pool(resources, features, places, options.voxel_size, groups, pooled, result.assignment);
  result.voxels = groups.size();
  std::vector<float> centres;
  kernels::mean_positions(places, groups, centres);
  const std::vector<std::int32_t> kept = choose(resources, centres, result.voxels, options);

  stream::TokenBatch& tokens = result.tokens;
  tokens.source.feature_width = static_cast<std::int32_t>(features.size(1));
  take_rows(pooled, kept, tokens.features);
  std::vector<std::int32_t> seen;
  for (const std::int32_t voxel : kept) {
    const auto v = static_cast<std::size_t>(voxel);
    add_origin(groups, v, frame, pts, seen, result);
    tokens.xyz.insert(tokens.xyz.end(), &centres[3 * v], &centres[3 * v] + 3);
  }
  tokens.kind.assign(kept.size(), static_cast<std::uint8_t>(stream::TokenKind::spatial));
  const KeepReason reason = static_cast<std::int64_t>(kept.size()) == result.voxels
                                ? KeepReason::everything
                            : options.cap_choice == CapChoice::farthest ? KeepReason::coverage
                                                                        : KeepReason::sampled;
  tokens.reason.assign(kept.size(), static_cast<std::uint8_t>(reason));
  assign(groups, kept, places, result.assignment);
  return result;
}

}  // namespace sluice::spatial3d
