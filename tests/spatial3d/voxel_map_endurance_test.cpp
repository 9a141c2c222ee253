// What only long streams and odd sensors bring about.
#include <gtest/gtest.h>

#include <limits>

#include "spatial3d/voxel_map.h"
#include "spatial3d/voxel_store.h"
#include "stream/pose.h"

namespace sluice::spatial3d {
namespace {

TEST(VoxelMapEndurance, SumsNeverStopTakingIn) {
  EXPECT_EQ(pooled_patches(65'535), 65'535);
  EXPECT_EQ(pooled_patches(65'536), 32'768);
  EXPECT_EQ(pooled_patches(98'303), 65'535);
  EXPECT_EQ(pooled_patches(98'304), 32'768);

  kernels::Resources resources(1);
  VoxelMap map(resources, {.voxel_size = 1, .see_through_removal = false});
  constexpr std::int64_t patches = 20'000;
  kernels::Tensor features(kernels::DType::f32, {patches, 3});
  const std::vector<float> xyz(3 * patches, 0.1F);
  const auto push = [&](std::int32_t frame, float value) {
    for (auto& element : features.as<float>()) element = value;
    MapView view;
    view.frame = frame;
    view.features = features.view();
    view.xyz = xyz;
    MapChanges changes;
    map.integrate(view, changes);
    return !changes.changed.empty();
  };
  VoxelTable table;
  kernels::Tensor mean;
  const auto mean_now = [&] {
    map.table(table);
    const std::int32_t row = 0;
    map.features(table, std::span(&row, 1), mean);
    return mean.as<float>()[1];
  };
  std::int32_t frame = 0;
  for (; frame < 400; ++frame) push(frame, 1.1F);
  EXPECT_NEAR(mean_now(), 1.1F, 5e-3F) << "8 million patches later";
  EXPECT_EQ(table.weight[0], 400 * patches);
  bool changed = false;
  for (int more = 0; more < 20; ++more) changed |= push(frame++, 3.3F);
  EXPECT_TRUE(changed);
  EXPECT_NEAR(mean_now(), 3.3F, 0.05F) << "it still learns";
}

TEST(VoxelMapEndurance, OnePixelWithoutEndBlindsNobody) {
  kernels::Resources resources(1);
  VoxelMap map(resources, {.voxel_size = 0.05F});
  // One voxel in front of the camera, and others far apart: more regions than the camera sees.
  std::vector<float> xyz{0, 0, 2};
  for (int i = 1; i < 9; ++i) {
    const auto away = 10.0F * static_cast<float>(i);
    xyz.insert(xyz.end(), {away, away, -away});
  }
  const auto count = static_cast<std::int64_t>(xyz.size() / 3);
  kernels::Tensor features(kernels::DType::f32, {count, 2});
  for (auto& element : features.as<float>()) element = 1;
  MapView view;
  view.features = features.view();
  view.xyz = xyz;
  MapChanges changes;
  map.integrate(view, changes);
  ASSERT_EQ(map.size(), count);

  kernels::Tensor depth(kernels::DType::f32, {48, 64});
  for (auto& metres : depth.as<float>()) metres = 4;
  depth.as<float>()[0] = std::numeric_limits<float>::infinity();
  depth.as<float>()[1] = std::numeric_limits<float>::quiet_NaN();
  MapView later;
  later.frame = 1;
  later.features = kernels::TensorView(features.data(), kernels::DType::f32, {0, 2});
  later.depth = depth.view();
  later.intrinsics = {600, 600, 31.5, 23.5};
  later.pose = stream::identity_pose();
  map.integrate(later, changes);
  EXPECT_EQ(changes.seen_through.size(), 1u);
}

}  // namespace
}  // namespace sluice::spatial3d
