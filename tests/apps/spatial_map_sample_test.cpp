// The voxel map on the sample: the moving gripper's old place is cleared, the room stays.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <unordered_set>
#include <vector>

#include "apps/sample/scene.h"
#include "spatial3d/back_projection.h"
#include "spatial3d/voxel_map.h"
#include "stream/pose.h"
#include "tests/support/random_clip.h"

namespace sluice {
namespace {

using kernels::VoxelKey;

constexpr std::int32_t grid = 24;
constexpr double depth_images_per_second = 3;  // as the sample is written

/// What is true of one depth image.
struct Truth {
  int shot = 0;
  std::set<VoxelKey> gripper;             // voxels that got a patch of the gripper
  std::unordered_set<VoxelKey> occupied;  // voxels in or close to which something is visible
};

struct Outcome {
  std::int64_t left = 0;     // voxels that the gripper left, and that are in plain view
  std::int64_t cleared = 0;  // of them, those gone after two depth images
  std::int64_t room_removed = 0;
};

/// A camera that follows the sample, and its map.
class Follower {
 public:
  Follower(std::uint64_t seed, float voxel_size, double noise)
      : scene_(seed, {.width = 640, .height = 480}),
        voxel_size_(voxel_size),
        noise_(noise),
        random_(seed),
        map_(resources_, {.voxel_size = voxel_size}) {
    features_.reshape(kernels::DType::f32, {grid * grid, 4});
    std::ranges::fill(features_.as<float>(), 1.0F);
  }

  Outcome run() {
    for (const std::int64_t index : sample::sampled_frames(scene_, depth_images_per_second)) {
      const auto frame = scene_.render_geometry(index);
      integrate(frame);
      look_at_truth(frame);
      count_removed();
      count_cleared(frame);
    }
    return outcome_;
  }

 private:
  void integrate(const sample::RenderedFrame& frame) {
    auto depth = kernels::Tensor::from<float>(frame.depth_m, {frame.height, frame.width});
    if (noise_ > 0)
      for (float& z : depth.as<float>()) z += static_cast<float>(noise_) * z * z * random_.normal();
    spatial3d::back_project(resources_, depth, frame.intrinsics, frame.camera_to_world,
                            {grid, grid}, {}, xyz_);
    spatial3d::MapView view;
    view.frame = static_cast<std::int32_t>(truths_.size());
    view.features = features_;
    view.xyz = xyz_;
    view.depth = depth;
    view.intrinsics = frame.intrinsics;
    view.pose = frame.camera_to_world;
    map_.integrate(view, changes_);
  }

  void look_at_truth(const sample::RenderedFrame& frame) {
    Truth truth{.shot = frame.shot, .gripper = {}, .occupied = {}};
    const auto& camera = frame.intrinsics;
    // As near as the map takes for the same place (VoxelMapOptions::depth_noise).
    const auto noise = static_cast<double>(map_.options().depth_noise);
    for (const double sign : {-1.0, 0.0, 1.0}) {
      VoxelKey last = kernels::no_voxel;  // neighbours share it
      for (int v = 0; v < frame.height; ++v)
        for (int u = 0; u < frame.width; ++u) {
          const double depth = frame.depth_m[static_cast<std::size_t>(v * frame.width + u)];
          const double z = depth + sign * noise * depth * depth;
          const VoxelKey key = voxel_at(stream::transform(
              frame.camera_to_world,
              {(u - camera.cx) / camera.fx * z, (v - camera.cy) / camera.fy * z, z}));
          if (key != last) truth.occupied.insert(key);
          last = key;
        }
    }
    const auto world_to_camera = stream::inverse(frame.camera_to_world);
    for (std::size_t patch = 0; patch < changes_.voxel_of_patch.size(); ++patch) {
      const VoxelKey key = changes_.voxel_of_patch[patch];
      if (key < 0) continue;
      const auto pixel = pixel_of(
          frame, stream::transform(world_to_camera,
                                   {xyz_[3 * patch], xyz_[3 * patch + 1], xyz_[3 * patch + 2]}));
      const std::uint8_t object = frame.object_id[pixel];
      if (object == sample::id::gripper) truth.gripper.insert(key);
      if (object > sample::id::table) with_things_.insert(key);
    }
    truths_.push_back(std::move(truth));
  }

  void count_removed() {
    for (const VoxelKey key : changes_.seen_through)
      outcome_.room_removed += with_things_.count(key) == 0;
  }

  void count_cleared(const sample::RenderedFrame& frame) {
    if (truths_.size() < 3) return;
    const Truth& before = truths_[truths_.size() - 3];
    const Truth& between = truths_[truths_.size() - 2];
    const Truth& now = truths_.back();
    if (before.shot != now.shot) return;
    map_.table(table_);
    for (const VoxelKey key : before.gripper) {
      if (between.occupied.count(key) == 1 || now.occupied.count(key) == 1) continue;
      if (!is_in_plain_view(frame, key)) continue;
      ++outcome_.left;
      outcome_.cleared += !std::binary_search(table_.key.begin(), table_.key.end(), key);
    }
  }

  [[nodiscard]] bool is_in_plain_view(const sample::RenderedFrame& frame, VoxelKey key) const {
    const auto v = kernels::unpack(key);
    const auto size = static_cast<double>(voxel_size_);
    const auto p = stream::transform(stream::inverse(frame.camera_to_world),
                                     {v.x * size, v.y * size, v.z * size});
    const auto pixel = pixel_of(frame, p);
    return pixel < frame.depth_m.size() && static_cast<double>(frame.depth_m[pixel]) > p[2];
  }

  /// Past the end if the point is not in the picture.
  [[nodiscard]] static std::size_t pixel_of(const sample::RenderedFrame& frame,
                                            const stream::Vec3& p) {
    const double u = std::nearbyint(frame.intrinsics.fx * p[0] / p[2] + frame.intrinsics.cx);
    const double v = std::nearbyint(frame.intrinsics.fy * p[1] / p[2] + frame.intrinsics.cy);
    if (p[2] <= 0 || u < 0 || v < 0 || u >= frame.width || v >= frame.height)
      return frame.depth_m.size();
    return static_cast<std::size_t>(v) * static_cast<std::size_t>(frame.width) +
           static_cast<std::size_t>(u);
  }

  [[nodiscard]] VoxelKey voxel_at(const stream::Vec3& p) const {
    const float xyz[] = {static_cast<float>(p[0]), static_cast<float>(p[1]),
                         static_cast<float>(p[2])};
    return kernels::voxel_of(xyz, voxel_size_);
  }

  sample::SampleScene scene_;
  float voxel_size_;
  double noise_;
  test::Random random_;
  kernels::Resources resources_{1};
  spatial3d::VoxelMap map_;
  kernels::Tensor features_;
  std::vector<float> xyz_;
  spatial3d::MapChanges changes_;
  spatial3d::VoxelTable table_;
  std::vector<Truth> truths_;
  std::set<VoxelKey> with_things_;  // got a patch of something that stands on the table or moves
  Outcome outcome_;
};

class SpatialMapSample : public testing::TestWithParam<float> {};

TEST_P(SpatialMapSample, ThePlaceThatTheGripperLeftIsClearedWithinTwoDepthImages) {
  Outcome all;
  for (const auto& [seed, noise] : {std::pair{201U, 0.0}, {202U, 0.0015}}) {
    const Outcome one = Follower(seed, GetParam(), noise).run();
    EXPECT_EQ(one.room_removed, 0) << "seed " << seed << ", noise " << noise;
    all.left += one.left;
    all.cleared += one.cleared;
  }
  ASSERT_GT(all.left, 30);
  const double share = static_cast<double>(all.cleared) / static_cast<double>(all.left);
  EXPECT_GE(share, 0.95) << all.cleared << " of " << all.left;
  RecordProperty("cleared", std::to_string(share));
}

INSTANTIATE_TEST_SUITE_P(VoxelSizes, SpatialMapSample, testing::Values(0.02F, 0.03F, 0.05F),
                         [](const auto& instance) {
                           return std::to_string(std::lround(100 * instance.param)) + "cm";
                         });

}  // namespace
}  // namespace sluice
