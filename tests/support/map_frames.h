// Seeded frames for tests of the voxel map: patches with places, without pictures.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "kernels/tensor.h"
#include "spatial3d/voxel_map.h"
#include "tests/support/box_scene.h"
#include "tests/support/random_clip.h"

namespace sluice::test {

struct MapFrame {
  std::int32_t number = 0;
  kernels::Tensor features;  // [S,D]
  std::vector<float> xyz;    // [S,3]
  kernels::Tensor depth;
  stream::Intrinsics intrinsics{100, 100, 0, 0};
  std::optional<stream::Pose> pose;

  [[nodiscard]] spatial3d::MapView view() const {
    spatial3d::MapView view;
    view.frame = number;
    view.pts = 0.5 * number;
    view.features = features;
    view.xyz = xyz;
    if (depth.defined()) view.depth = depth;
    view.intrinsics = intrinsics;
    view.pose = pose;
    return view;
  }
};

/// Patches within half a metre of the origin, seen from somewhere around it, a metre or two away.
inline MapFrame random_map_frame(Random& random, std::int64_t patches, std::int64_t width,
                                 std::int32_t number) {
  MapFrame frame;
  frame.number = number;
  frame.features.reshape(kernels::DType::f32, {patches, width});
  for (auto& value : frame.features.as<float>()) value = random.normal();
  for (std::int64_t i = 0; i < 3 * patches; ++i)
    frame.xyz.push_back(static_cast<float>(random.between(-0.5, 0.5)));
  const auto away = [&] { return (random.chance(0.5) ? 1 : -1) * random.between(1, 2); };
  frame.pose = look_at({away(), away(), away()}, {0, 0, 0});
  return frame;
}

}  // namespace sluice::test
