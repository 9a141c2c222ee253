// What a voxel map forgets, against a naive model.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "spatial3d/voxel_map.h"
#include "tests/support/map_frames.h"

namespace sluice::spatial3d {
namespace {

using kernels::VoxelKey;
using stream::Vec3;

double distance(const Vec3& a, const Vec3& b) {
  return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

/// Keys and when they were last seen.
class NaiveEviction {
 public:
  explicit NaiveEviction(const VoxelMapOptions& options) : options_(options) {}

  /// Returns what was forgotten of the voxels before.
  std::set<VoxelKey> integrate(const test::MapFrame& frame) {
    const auto before = last_seen;
    const Vec3 camera = frame.pose ? stream::origin(*frame.pose) : Vec3{};
    for (std::size_t p = 0; 3 * p < frame.xyz.size(); ++p) {
      const float* xyz = &frame.xyz[3 * p];
      const Vec3 place{xyz[0], xyz[1], xyz[2]};
      if (frame.pose && options_.max_distance > 0 &&
          distance(place, camera) > options_.max_distance)
        continue;
      last_seen[kernels::voxel_of(xyz, options_.voxel_size)] = frame.number;
    }
    std::erase_if(last_seen, [&](const auto& voxel) {
      const auto v = kernels::unpack(voxel.first);
      const auto size = static_cast<double>(options_.voxel_size);
      const bool seen_now = voxel.second == frame.number;
      const bool far =
          frame.pose && options_.max_distance > 0 &&
          distance({v.x * size, v.y * size, v.z * size}, camera) > options_.max_distance;
      const bool old = options_.max_age > 0 && frame.number - voxel.second > options_.max_age;
      return !seen_now && (far || old);
    });
    while (std::ssize(last_seen) > options_.max_voxels)
      last_seen.erase(
          std::min_element(last_seen.begin(), last_seen.end(), [](const auto& a, const auto& b) {
            return a.second != b.second ? a.second < b.second : a.first < b.first;
          }));
    std::set<VoxelKey> forgotten;
    for (const auto& [key, seen] : before)
      if (last_seen.count(key) == 0) forgotten.insert(key);
    return forgotten;
  }

  std::map<VoxelKey, std::int32_t> last_seen;

 private:
  VoxelMapOptions options_;
};

TEST(VoxelMapEviction, ForgetsWhatTheNaiveModelForgets) {
  test::Random random(3370);
  std::int64_t forgotten_in_all = 0;
  for (std::int64_t round = 0; round < test::cases(600); ++round) {
    VoxelMapOptions options;
    options.voxel_size = static_cast<float>(random.between(0.03, 0.3));
    if (random.chance(0.5)) options.max_age = random.integer(1, 5);
    if (random.chance(0.5)) options.max_distance = random.between(1, 3);
    if (random.chance(0.5)) options.max_voxels = random.integer(1, 150);
    kernels::Resources resources(1);
    VoxelMap map(resources, options);
    NaiveEviction naive(options);
    MapChanges changes;
    VoxelTable table;
    std::int32_t number = 0;
    for (std::int32_t f = 0; f < 20; ++f) {
      number += static_cast<std::int32_t>(random.integer(1, 3));
      auto frame = test::random_map_frame(random, random.integer(0, 60), 3, number);
      if (random.chance(0.1)) frame.pose.reset();
      const auto forgotten = naive.integrate(frame);
      map.integrate(frame.view(), changes);
      map.table(table);
      ASSERT_EQ(std::set<VoxelKey>(changes.evicted.begin(), changes.evicted.end()), forgotten)
          << "round " << round << ", frame " << f;
      ASSERT_EQ(table.size(), std::ssize(naive.last_seen));
      std::size_t row = 0;
      for (const auto& [key, seen] : naive.last_seen) {
        ASSERT_EQ(table.key[row], key) << "round " << round << ", frame " << f;
        ASSERT_EQ(table.last_frame[row], seen);
        ++row;
      }
      forgotten_in_all += std::ssize(forgotten);
    }
  }
  EXPECT_GT(forgotten_in_all, 1000);
}

TEST(VoxelMapEviction, WhatOneFrameBringsTooManyIsNeitherAddedNorEvicted) {
  kernels::Resources resources(1);
  VoxelMap map(resources, {.voxel_size = 1, .max_voxels = 2});
  MapChanges changes;
  test::MapFrame frame;
  frame.features.reshape(kernels::DType::f32, {4, 1});
  std::ranges::fill(frame.features.as<float>(), 1.0F);
  frame.xyz = {3, 0, 0, 1, 0, 0, 2, 0, 0, 1, 0, 0};
  map.integrate(frame.view(), changes);
  const auto key = [](int x) { return kernels::pack({x, 0, 0}); };
  const auto evicted = static_cast<std::int64_t>(stream::DropReason::evicted);
  EXPECT_EQ(changes.added, (std::vector<VoxelKey>{key(2), key(3)}));  // ties go to the lowest key
  EXPECT_TRUE(changes.evicted.empty());
  EXPECT_EQ(changes.voxel_of_patch, (std::vector<std::int64_t>{key(3), evicted, key(2), evicted}));

  frame.number = 1;
  frame.xyz = {2, 0, 0, 4, 0, 0, 5, 0, 0, 5, 0, 0};  // one known, two new
  map.integrate(frame.view(), changes);
  EXPECT_EQ(changes.added, (std::vector<VoxelKey>{key(4), key(5)}));
  EXPECT_EQ(changes.evicted, (std::vector<VoxelKey>{key(2), key(3)}));
  EXPECT_TRUE(changes.changed.empty());
  EXPECT_EQ(changes.voxel_of_patch, (std::vector<std::int64_t>{evicted, key(4), key(5), key(5)}));
}

TEST(VoxelMapEviction, AVoxelThatComesBackIsNew) {
  test::Random random(3371);
  kernels::Resources resources(1);
  VoxelMap map(resources, {.max_age = 1});
  MapChanges changes;
  VoxelTable table;
  auto frame = test::random_map_frame(random, 30, 4, 0);
  map.integrate(frame.view(), changes);
  const auto added = changes.added;
  auto nothing = test::random_map_frame(random, 0, 4, 7);
  map.integrate(nothing.view(), changes);
  EXPECT_EQ(changes.evicted, added);
  frame.number = 8;
  map.integrate(frame.view(), changes);
  EXPECT_EQ(changes.added, added);
  map.table(table);
  EXPECT_TRUE(std::ranges::all_of(table.first_frame, [](auto first) { return first == 8; }));
  EXPECT_TRUE(std::ranges::all_of(table.views, [](auto views) { return views == 1; }));
}

}  // namespace
}  // namespace sluice::spatial3d
