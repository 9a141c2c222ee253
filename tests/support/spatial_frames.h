// Seeded frames with geometry for tests of the spatial engine: a bumpy surface seen by a camera
// that wanders, with holes in the depth, broken features and lost poses.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "spatial3d/spatial_reducer.h"
#include "stream/pose.h"
#include "stream/spatial_frame.h"
#include "tests/support/random_clip.h"

namespace sluice::test {

struct SpatialClipOptions {
  std::int64_t frames = 6;
  std::int32_t rows = 6, cols = 8;  ///< patches
  std::int64_t width = 8;           ///< D
  std::int32_t pixels_per_patch = 4;
  double hole = 0.1;    ///< chance that a pixel has no depth
  double broken = 0.0;  ///< chance of NaN or infinity in a patch's features
  double lost = 0.0;    ///< chance that a frame has no pose
  double moved = 0.0;   ///< chance that the surface jumps before a frame: something can be removed
};

inline stream::Source spatial_source(const SpatialClipOptions& options) {
  stream::Source source;
  source.grid_rows = options.rows;
  source.grid_cols = options.cols;
  source.image_width = options.cols * options.pixels_per_patch;
  source.image_height = options.rows * options.pixels_per_patch;
  source.feature_width = static_cast<std::int32_t>(options.width);
  return source;
}

inline std::vector<stream::SpatialFrame> spatial_clip(Random& random,
                                                      const SpatialClipOptions& options) {
  const std::int64_t height = options.rows * options.pixels_per_patch;
  const std::int64_t columns = options.cols * options.pixels_per_patch;
  double distance = random.between(1, 2);
  std::vector<stream::SpatialFrame> frames(static_cast<std::size_t>(options.frames));
  for (std::int64_t f = 0; f < options.frames; ++f) {
    auto& frame = frames[static_cast<std::size_t>(f)];
    frame.index = f;
    frame.pts = 0.25 * static_cast<double>(f);
    frame.intrinsics = {static_cast<double>(columns), static_cast<double>(columns),
                        0.5 * static_cast<double>(columns), 0.5 * static_cast<double>(height)};
    if (!random.chance(options.lost)) {
      const double turn = random.between(-0.2, 0.2);
      frame.pose = stream::pose_from_quaternion(
          {random.between(-0.2, 0.2), random.between(-0.2, 0.2), random.between(-0.1, 0.1)}, 0,
          std::sin(turn / 2), 0, std::cos(turn / 2), "test");
    }
    if (random.chance(options.moved)) distance = random.between(1, 3);
    frame.depth.reshape(kernels::DType::f32, {height, columns});
    auto depth = frame.depth.as<float>();
    for (std::int64_t v = 0; v < height; ++v)
      for (std::int64_t u = 0; u < columns; ++u)
        depth[static_cast<std::size_t>(v * columns + u)] =
            random.chance(options.hole)
                ? 0.0F
                : static_cast<float>(distance + 0.2 * std::sin(0.3 * static_cast<double>(u)) *
                                                    std::cos(0.2 * static_cast<double>(v)));
    const std::int64_t positions = options.rows * options.cols;
    frame.features.reshape(kernels::DType::f32, {positions, options.width});
    for (auto& value : frame.features.as<float>()) value = random.normal();
    for (std::int64_t p = 0; p < positions; ++p)
      if (random.chance(options.broken))
        frame.features.as<float>()[static_cast<std::size_t>(p * options.width)] =
            random.chance(0.5) ? std::numeric_limits<float>::quiet_NaN()
                               : std::numeric_limits<float>::infinity();
  }
  return frames;
}

/// Options under which every case is different: voxel sizes, shares, removal, eviction.
inline spatial3d::SpatialReducerOptions random_reducer_options(Random& random) {
  spatial3d::SpatialReducerOptions options;
  options.map.voxel_size = static_cast<float>(random.between(0.03, 0.5));
  options.map.see_through_removal = random.chance(0.5);
  if (random.chance(0.3)) options.map.max_age = random.integer(1, 4);
  if (random.chance(0.3)) options.map.max_voxels = random.integer(1, 60);
  if (random.chance(0.3)) options.map.max_distance = random.between(0.5, 3);
  options.retain = std::max(0.01, random.uniform());
  if (random.chance(0.3)) options.budget = random.integer(1, 60);
  return options;
}

}  // namespace sluice::test
