// Plain double-precision versions of back-projection and voxel tokens, written from their
// definitions: what the engine is held against.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "kernels/voxel_key.h"
#include "spatial3d/back_projection.h"
#include "spatial3d/voxel_tokens.h"
#include "stream/pose.h"

namespace sluice::test {

using Vec3 = stream::Vec3;

inline double distance(const Vec3& a, const Vec3& b) {
  return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

/// A depth image in plain rows.
struct DepthImage {
  std::int64_t height = 0, width = 0;
  std::vector<float> metres;

  DepthImage(std::int64_t rows, std::int64_t cols, float value = 0)
      : height(rows), width(cols), metres(static_cast<std::size_t>(rows * cols), value) {}
  float& at(std::int64_t v, std::int64_t u) {
    return metres[static_cast<std::size_t>(v * width + u)];
  }
  [[nodiscard]] float at(std::int64_t v, std::int64_t u) const {
    return metres[static_cast<std::size_t>(v * width + u)];
  }
  [[nodiscard]] kernels::TensorView view() const {
    return {metres.data(), kernels::DType::f32, {height, width}};
  }
};

/// What may stand for a patch: every point of its dominant surface, and how near the nearest of
/// them is to their mean.
struct OraclePatch {
  std::vector<Vec3> surface;  // in the camera's frame, in the order of the pixels
  Vec3 mean{};
  double nearest = 0;
};

/// All pixels whose centre lies in patch (row, col), asked one by one.
inline std::vector<std::array<std::int64_t, 2>> pixels_of_patch(const DepthImage& depth,
                                                                const stream::Grid& grid,
                                                                std::int64_t row,
                                                                std::int64_t col) {
  const auto inside = [](std::int64_t pixel, std::int64_t pixels, std::int64_t index,
                         std::int64_t patches) {
    // index/patches ≤ (pixel + ½)/pixels < (index + 1)/patches, in whole numbers.
    const std::int64_t centre = (2 * pixel + 1) * patches;
    return 2 * index * pixels <= centre && centre < 2 * (index + 1) * pixels;
  };
  std::vector<std::array<std::int64_t, 2>> found;
  for (std::int64_t v = 0; v < depth.height; ++v)
    for (std::int64_t u = 0; u < depth.width; ++u)
      if (inside(v, depth.height, row, grid.rows) && inside(u, depth.width, col, grid.cols))
        found.push_back({v, u});
  return found;
}

inline Vec3 camera_point(const stream::Intrinsics& k, std::int64_t v, std::int64_t u, float depth) {
  const auto z = static_cast<double>(depth);
  return {(static_cast<double>(u) - k.cx) * z / k.fx, (static_cast<double>(v) - k.cy) * z / k.fy,
          z};
}

inline std::optional<OraclePatch> robust_patch(const DepthImage& depth, const stream::Intrinsics& k,
                                               const stream::Grid& grid, std::int64_t row,
                                               std::int64_t col,
                                               const spatial3d::BackProjectionOptions& options) {
  const auto pixels = pixels_of_patch(depth, grid, row, col);
  std::vector<float> valid;
  for (const auto& [v, u] : pixels)
    if (depth.at(v, u) > 0 && depth.at(v, u) >= options.min_depth &&
        depth.at(v, u) <= options.max_depth)
      valid.push_back(depth.at(v, u));
  if (valid.empty() || static_cast<double>(valid.size()) <
                           options.min_valid_share * static_cast<double>(pixels.size()))
    return std::nullopt;
  std::sort(valid.begin(), valid.end());
  // Cut to 12 significant bits, as documented.
  const auto median = std::bit_cast<float>(
      std::bit_cast<std::uint32_t>(valid[(valid.size() - 1) / 2]) & ~std::uint32_t{0xfff});
  const float band = std::max(options.surface_band, options.relative_surface_band * median);
  OraclePatch patch;
  for (const auto& [v, u] : pixels) {
    const float z = depth.at(v, u);
    if (!(z > 0 && z >= options.min_depth && z <= options.max_depth) || z < median - band ||
        z > median + band)
      continue;
    patch.surface.push_back(camera_point(k, v, u, z));
    for (std::size_t axis = 0; axis < 3; ++axis) patch.mean[axis] += patch.surface.back()[axis];
  }
  for (double& coordinate : patch.mean) coordinate /= static_cast<double>(patch.surface.size());
  patch.nearest = 1e300;
  for (const Vec3& point : patch.surface)
    patch.nearest = std::min(patch.nearest, distance(point, patch.mean));
  return patch;
}

struct OracleVoxel {
  std::vector<std::size_t> members;  // ascending
  Vec3 centre{};
  std::vector<double> feature;
  std::set<std::int32_t> frames;
  double first_pts = 0, last_pts = 0;
};

/// Cells in the order of their keys: x, then y, then z. The cell itself is defined in single
/// precision.
using OracleVoxels = std::map<std::array<std::int64_t, 3>, OracleVoxel>;

inline std::optional<std::array<std::int64_t, 3>> oracle_cell(const float* xyz, float size) {
  std::array<std::int64_t, 3> cell{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const float quotient = xyz[axis] / size;
    if (!std::isfinite(quotient) || std::abs(quotient) > 0x1p21F) return std::nullopt;
    cell[axis] = static_cast<std::int64_t>(std::nearbyint(static_cast<double>(quotient)));
    if (cell[axis] < -kernels::voxel_axis_offset || cell[axis] >= kernels::voxel_axis_offset)
      return std::nullopt;
  }
  return cell;
}

/// features [N][D]; points with a value that is not finite are left out.
inline OracleVoxels oracle_voxels(const std::vector<std::vector<double>>& features,
                                  const std::vector<float>& xyz,
                                  const std::vector<std::int32_t>& frame,
                                  const std::vector<double>& pts, float size) {
  OracleVoxels voxels;
  for (std::size_t i = 0; i < features.size(); ++i) {
    const auto cell = oracle_cell(&xyz[3 * i], size);
    const bool finite = std::all_of(features[i].begin(), features[i].end(),
                                    [](double value) { return std::isfinite(value); });
    if (cell && finite) voxels[*cell].members.push_back(i);
  }
  for (auto& [cell, voxel] : voxels) {
    voxel.feature.assign(features[0].size(), 0);
    voxel.first_pts = 1e300;
    voxel.last_pts = -1e300;
    const auto n = static_cast<double>(voxel.members.size());
    for (const std::size_t i : voxel.members) {
      for (std::size_t axis = 0; axis < 3; ++axis)
        voxel.centre[axis] += static_cast<double>(xyz[3 * i + axis]) / n;
      for (std::size_t d = 0; d < features[i].size(); ++d) voxel.feature[d] += features[i][d] / n;
      voxel.frames.insert(frame[i]);
    }
    for (const std::size_t i : voxel.members) {
      if (frame[i] == *voxel.frames.begin()) voxel.first_pts = std::min(voxel.first_pts, pts[i]);
      if (frame[i] == *voxel.frames.rbegin()) voxel.last_pts = std::max(voxel.last_pts, pts[i]);
    }
  }
  return voxels;
}

/// Greedy farthest points, asked in full at every step. Indices, ascending.
inline std::vector<std::size_t> oracle_farthest(const std::vector<Vec3>& points,
                                                std::size_t count) {
  Vec3 centroid{};
  for (const Vec3& point : points)
    for (std::size_t axis = 0; axis < 3; ++axis)
      centroid[axis] += point[axis] / static_cast<double>(points.size());
  std::vector<std::size_t> chosen;
  while (chosen.size() < std::min(count, points.size())) {
    std::size_t best = 0;
    double farthest = -1;
    for (std::size_t i = 0; i < points.size(); ++i) {
      double gap = chosen.empty() ? distance(points[i], centroid) : 1e300;
      for (const std::size_t c : chosen) gap = std::min(gap, distance(points[i], points[c]));
      if (gap > farthest) {
        farthest = gap;
        best = i;
      }
    }
    chosen.push_back(best);
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

}  // namespace sluice::test
