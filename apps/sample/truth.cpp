#include "apps/sample/truth.h"

#include <cstddef>

#include "apps/sample/geometry.h"
#include "kernels/error.h"

namespace sluice::sample {
namespace {

/// Per surface id: previous camera from current camera, along with the surface.
std::vector<Transform> surface_motions(const RenderedFrame& previous,
                                       const RenderedFrame& current) {
  const Transform to_previous_camera = from_pose(previous.camera_to_world).inverse();
  const Transform to_world = from_pose(current.camera_to_world);
  std::vector<Transform> motions(current.surface_to_world.size());
  for (std::size_t i = 1; i < motions.size(); ++i) {
    motions[i] = to_previous_camera * from_pose(previous.surface_to_world[i]) *
                 from_pose(current.surface_to_world[i]).inverse() * to_world;
  }
  return motions;
}

/// True if the point now seen at (x, y) was elsewhere in the previous picture.
bool displaced(const Transform& motion, const RenderedFrame& previous, const RenderedFrame& current,
               int x, int y, double depth) {
  const stream::Intrinsics &now = current.intrinsics, &then = previous.intrinsics;
  const Vec3 point =
      motion.apply({(x - now.cx) / now.fx * depth, (y - now.cy) / now.fy * depth, depth});
  if (point.z <= 0) return true;
  const double dx = then.fx * point.x / point.z + then.cx - x;
  const double dy = then.fy * point.y / point.z + then.cy - y;
  return dx * dx + dy * dy > changed_displacement_px * changed_displacement_px;
}

}  // namespace

std::vector<std::uint8_t> changed_pixels(const RenderedFrame& previous,
                                         const RenderedFrame& current) {
  if (previous.width != current.width || previous.height != current.height ||
      previous.surface_to_world.size() != current.surface_to_world.size()) {
    throw input_error("patch truth", "frames of different scenes", "frames of one scene");
  }
  const std::vector<Transform> motions = surface_motions(previous, current);
  std::vector<std::uint8_t> changed(current.surface_id.size());
  std::size_t pixel = 0;
  for (int y = 0; y < current.height; ++y) {
    for (int x = 0; x < current.width; ++x, ++pixel) {
      const std::uint8_t surface = current.surface_id[pixel];
      const bool differs = surface != previous.surface_id[pixel];
      changed[pixel] =
          differs || (surface != 0 && displaced(motions[surface], previous, current, x, y,
                                                static_cast<double>(current.depth_m[pixel])));
    }
  }
  return changed;
}

std::vector<double> changed_shares(const RenderedFrame& previous, const RenderedFrame& current,
                                   int grid_rows, int grid_cols) {
  if (grid_rows < 1 || grid_cols < 1 || grid_rows > current.height || grid_cols > current.width) {
    throw input_error("patch truth", concat("grid ", grid_rows, "x", grid_cols),
                      "1 to the picture's size each way");
  }
  const std::vector<std::uint8_t> changed = changed_pixels(previous, current);
  const auto patches = static_cast<std::size_t>(grid_rows) * static_cast<std::size_t>(grid_cols);
  std::vector<double> shares(patches);
  std::vector<double> areas(patches);
  std::size_t pixel = 0;
  for (int y = 0; y < current.height; ++y) {
    // (y + ½) / height, times the number of rows, in whole numbers.
    const int row = (2 * y + 1) * grid_rows / (2 * current.height);
    for (int x = 0; x < current.width; ++x, ++pixel) {
      const int column = (2 * x + 1) * grid_cols / (2 * current.width);
      const auto patch = static_cast<std::size_t>(row) * static_cast<std::size_t>(grid_cols) +
                         static_cast<std::size_t>(column);
      areas[patch] += 1;
      shares[patch] += changed[pixel];
    }
  }
  for (std::size_t i = 0; i < patches; ++i) shares[i] /= areas[i];
  return shares;
}

std::vector<PatchTruth> patch_truth(const RenderedFrame& previous, const RenderedFrame& current,
                                    int grid_rows, int grid_cols) {
  std::vector<PatchTruth> truth;
  for (const double share : changed_shares(previous, current, grid_rows, grid_cols)) {
    truth.push_back(classify(share));
  }
  return truth;
}

}  // namespace sluice::sample
