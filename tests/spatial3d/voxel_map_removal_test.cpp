// See-through removal: what went is removed, and nothing of a scene that stands still.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "spatial3d/back_projection.h"
#include "spatial3d/voxel_map.h"
#include "tests/support/box_scene.h"

namespace sluice::spatial3d {
namespace {

using kernels::VoxelKey;
using stream::Vec3;
using test::Box;

/// A room with a table; `things` of random sizes stand on it.
std::vector<Box> furnished_room(test::Random& random, int things) {
  std::vector<Box> boxes{{{-3, -3, 0}, {3, 3, 2.6}}, {{-0.6, -0.4, 0.70}, {0.6, 0.4, 0.74}}};
  for (int i = 0; i < things; ++i) {
    const double x = random.between(-0.5, 0.5), y = random.between(-0.35, 0.35);
    const double width = random.between(0.015, 0.1), depth = random.between(0.015, 0.1);
    boxes.push_back(
        {{x - width, y - depth, 0.74}, {x + width, y + depth, 0.74 + random.between(0.03, 0.25)}});
  }
  return boxes;
}

/// A depth camera with a map.
class Observer {
 public:
  Observer(const VoxelMapOptions& options, const stream::Camera& camera,
           const test::DepthSensor& sensor, std::int32_t grid, std::uint64_t seed)
      : camera_(camera), sensor_(sensor), grid_(grid), random_(seed), map_(resources_, options) {
    features_.reshape(kernels::DType::f32, {std::int64_t{grid} * grid, 4});
    std::ranges::fill(features_.as<float>(), 1.0F);
  }

  const MapChanges& see(const std::vector<Box>& boxes, const stream::Pose& pose) {
    const auto depth = test::render_depth(boxes, camera_, pose, sensor_, random_);
    back_project(resources_, depth, camera_.intrinsics, pose, {grid_, grid_}, {}, xyz_);
    MapView view;
    view.frame = frame_++;
    view.features = features_;
    view.xyz = xyz_;
    view.depth = depth;
    view.intrinsics = camera_.intrinsics;
    view.pose = pose;
    map_.integrate(view, changes_);
    return changes_;
  }

  /// Voxels whose centre lies in a box, grown on all sides.
  [[nodiscard]] std::int64_t voxels_in(const Box& box, double grown) const {
    VoxelTable table;
    map_.table(table);
    return std::count_if(table.key.begin(), table.key.end(), [&](VoxelKey key) {
      const auto v = kernels::unpack(key);
      const auto size = static_cast<double>(map_.options().voxel_size);
      const double centre[] = {v.x * size, v.y * size, v.z * size};
      for (std::size_t axis = 0; axis < 3; ++axis)
        if (centre[axis] < box.low[axis] - grown || centre[axis] > box.high[axis] + grown)
          return false;
      return true;
    });
  }
  [[nodiscard]] const VoxelMap& map() const { return map_; }

 private:
  stream::Camera camera_;
  test::DepthSensor sensor_;
  std::int32_t grid_;
  test::Random random_;
  kernels::Resources resources_{1};
  VoxelMap map_;
  kernels::Tensor features_;
  std::vector<float> xyz_;
  MapChanges changes_;
  std::int32_t frame_ = 0;
};

struct StillCase {
  float voxel_size;
  std::int32_t grid;
  double noise;
};

class AStillScene : public testing::TestWithParam<StillCase> {};

TEST_P(AStillScene, LosesNothingWhileTheCameraMoves) {
  const auto& [voxel_size, grid, noise] = GetParam();
  const std::int64_t rounds = std::max<std::int64_t>(test::cases(40), 2);
  for (std::int64_t round = 0; round < rounds; ++round) {
    test::Random random(static_cast<std::uint64_t>(3380 + round));
    const auto boxes = furnished_room(random, 8);
    Observer observer({.voxel_size = voxel_size}, test::pinhole(160, 120, random.between(50, 80)),
                      {noise, noise > 0 ? 0.05 : 0, noise > 0 ? 0.001 : 0}, grid,
                      static_cast<std::uint64_t>(round));
    const bool looks_at_table = round % 2 == 0;
    const double start = random.between(0, 6), step = random.between(-0.06, 0.06);
    for (int f = 0; f < 20; ++f) {
      const double angle = start + step * f;
      const double away = looks_at_table ? random.between(0.8, 1.0) : random.between(1.5, 1.7);
      const Vec3 eye{away * std::cos(angle), away * std::sin(angle), looks_at_table ? 1.3 : 1.5};
      const Vec3 target =
          looks_at_table ? Vec3{random.between(-0.05, 0.05), 0, 0.8} : Vec3{-eye[0], -eye[1], 1.1};
      const auto& changes = observer.see(boxes, test::look_at(eye, target));
      ASSERT_TRUE(changes.seen_through.empty()) << "round " << round << ", frame " << f;
    }
    EXPECT_GT(observer.map().size(), 50);
  }
}

INSTANTIATE_TEST_SUITE_P(SizesGridsAndNoise, AStillScene,
                         testing::Values(StillCase{0.02F, 24, 0}, StillCase{0.02F, 24, 0.0015},
                                         StillCase{0.02F, 14, 0.002}, StillCase{0.03F, 24, 0.0015},
                                         StillCase{0.03F, 14, 0.001}, StillCase{0.05F, 24, 0.002},
                                         StillCase{0.05F, 14, 0}, StillCase{0.2F, 24, 0.002},
                                         StillCase{0.2F, 14, 0}),
                         [](const auto& instance) {
                           return concat("voxels_of_", std::lround(100 * instance.param.voxel_size),
                                         "cm_grid_", instance.param.grid, "_noise_",
                                         std::lround(1e4 * instance.param.noise));
                         });

/// A box of 20 cm in front of a wall 2.5 m away, and the camera.
const Box wall{{-3, -3, -2}, {3, 3, 2}};
const Box thing{{0.9, -0.1, -0.1}, {1.1, 0.1, 0.1}};
const stream::Pose ahead = test::look_at({-0.5, 0, 0}, {3, 0, 0});
const stream::Camera camera = test::pinhole(160, 120, 60);

TEST(SeeThrough, WhatWentIsRemovedAtOnce) {
  for (const float size : {0.02F, 0.05F, 0.1F, 0.2F}) {
    Observer observer({.voxel_size = size}, camera, {}, 24, 1);
    observer.see({wall, thing}, ahead);
    const std::int64_t before = observer.voxels_in(thing, static_cast<double>(size));
    ASSERT_GT(before, 0);
    const std::int64_t all = observer.map().size();
    const auto& changes = observer.see({wall}, ahead);
    EXPECT_EQ(std::ssize(changes.seen_through), before) << size;
    EXPECT_EQ(observer.voxels_in(thing, static_cast<double>(size)), 0) << size;
    EXPECT_GE(observer.map().size(), all - before) << size;
  }
}

TEST(SeeThrough, TakesAsManyLooksInARowAsAskedFor) {
  Observer observer({.voxel_size = 0.05F, .looks_to_remove = 3}, camera, {}, 24, 1);
  observer.see({wall, thing}, ahead);
  EXPECT_TRUE(observer.see({wall}, ahead).seen_through.empty());
  EXPECT_TRUE(observer.see({wall}, ahead).seen_through.empty());
  observer.see({wall, thing}, ahead);  // seen again: the count starts anew
  EXPECT_TRUE(observer.see({wall}, ahead).seen_through.empty());
  EXPECT_TRUE(observer.see({wall}, ahead).seen_through.empty());
  // A look in which the place is hidden says nothing.
  EXPECT_TRUE(observer.see({wall, {{-0.2, -2, -2}, {-0.1, 2, 2}}}, ahead).seen_through.empty());
  EXPECT_FALSE(observer.see({wall}, ahead).seen_through.empty());
  EXPECT_EQ(observer.voxels_in(thing, 0.05), 0);
}

TEST(SeeThrough, WhatIsHiddenOrOutOfThePictureStays) {
  Observer observer({.voxel_size = 0.05F}, camera, {}, 24, 1);
  observer.see({wall, thing}, ahead);
  const std::int64_t before = observer.voxels_in(thing, 0.05);
  observer.see({wall, {{0, -1, -1}, {0.1, 1, 1}}}, ahead);
  EXPECT_EQ(observer.voxels_in(thing, 0.05), before);
  observer.see({wall}, test::look_at({-0.5, 0, 0}, {-3, 0, 0}));
  EXPECT_EQ(observer.voxels_in(thing, 0.05), before);
}

TEST(SeeThrough, CanBeSwitchedOff) {
  Observer observer({.voxel_size = 0.05F, .see_through_removal = false}, camera, {}, 24, 1);
  observer.see({wall, thing}, ahead);
  EXPECT_TRUE(observer.see({wall}, ahead).seen_through.empty());
  EXPECT_GT(observer.voxels_in(thing, 0.05), 0);
}

/// A map with one voxel, a metre ahead, and what single frames say about it.
class OneVoxel {
 public:
  explicit OneVoxel(int looks_to_remove)
      : map_(resources_, {.voxel_size = 0.05F, .looks_to_remove = looks_to_remove}) {
    touch({});
  }

  /// A patch falls into it; the depth image, if there are boxes, may say otherwise.
  void touch(const std::vector<Box>& boxes) { integrate({1, 0, 0}, boxes, true); }
  /// No patch does.
  void look(const std::vector<Box>& boxes, bool with_pose = true) {
    integrate({NAN, NAN, NAN}, boxes, with_pose);
  }
  [[nodiscard]] bool is_there() const { return map_.size() == 1; }

 private:
  void integrate(const std::array<float, 3>& place, const std::vector<Box>& boxes, bool with_pose) {
    const float feature[] = {1};
    kernels::Tensor depth;
    MapView view;
    view.frame = frame_++;
    view.features = kernels::TensorView(feature, kernels::DType::f32, {1, 1});
    view.xyz = place;
    view.intrinsics = camera.intrinsics;
    if (with_pose) view.pose = ahead;
    if (!boxes.empty()) {
      depth = test::render_depth(boxes, camera, ahead, {}, random_);
      view.depth = depth;
    }
    map_.integrate(view, changes_);
  }

  kernels::Resources resources_{1};
  VoxelMap map_;
  MapChanges changes_;
  test::Random random_{1};
  std::int32_t frame_ = 0;
};

TEST(SeeThrough, NeedsADepthImageAndAPose) {
  OneVoxel voxel(1);
  voxel.look({});
  EXPECT_TRUE(voxel.is_there());
  voxel.look({wall}, false);
  EXPECT_TRUE(voxel.is_there());
  voxel.look({wall});
  EXPECT_FALSE(voxel.is_there());
}

TEST(SeeThrough, SparesWhatTheSameFrameSaw) {
  OneVoxel voxel(1);
  voxel.touch({wall});
  EXPECT_TRUE(voxel.is_there());
}

TEST(SeeThrough, APatchOrASurfaceEndsTheRowOfLooks) {
  for (const bool patch : {false, true}) {
    OneVoxel voxel(2);
    voxel.look({wall});
    if (patch)
      voxel.touch({});  // without a depth image
    else
      voxel.look({wall, {{0.99, -0.1, -0.1}, {1.1, 0.1, 0.1}}});  // no patch falls into it
    voxel.look({wall});
    EXPECT_TRUE(voxel.is_there()) << patch;
    voxel.look({wall});
    EXPECT_FALSE(voxel.is_there()) << patch;
  }
}

}  // namespace
}  // namespace sluice::spatial3d
