// What a voxel map reports after each frame: enough to keep a copy that is never far off.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <set>

#include "spatial3d/voxel_map.h"
#include "tests/support/map_frames.h"

namespace sluice::spatial3d {
namespace {

using kernels::Tensor;
using kernels::VoxelKey;

using Keys = std::set<VoxelKey>;
using Mean = std::vector<double>;

std::map<VoxelKey, Mean> means_of(const VoxelMap& map) {
  VoxelTable table;
  map.table(table);
  std::vector<std::int32_t> rows;
  for (std::int32_t row = 0; row < table.size(); ++row) rows.push_back(row);
  Tensor features;
  map.features(table, rows, features);
  std::map<VoxelKey, Mean> means;
  const auto width = static_cast<std::size_t>(features.size(1));
  for (std::size_t row = 0; row < rows.size(); ++row)
    for (std::size_t d = 0; d < width; ++d)
      means[table.key[row]].push_back(static_cast<double>(features.as<float>()[row * width + d]));
  return means;
}

double length(const Mean& a) {
  double square = 0;
  for (const double value : a) square += value * value;
  return std::sqrt(square);
}

double distance(const Mean& a, const Mean& b) {
  double square = 0;
  for (std::size_t d = 0; d < a.size(); ++d) square += (a[d] - b[d]) * (a[d] - b[d]);
  return std::sqrt(square);
}

bool ascends(const std::vector<VoxelKey>& keys) {
  return std::adjacent_find(keys.begin(), keys.end(), std::greater_equal<>()) == keys.end();
}

/// A room of a few things whose features drift, jump, or only tremble.
test::MapFrame drifting_frame(test::Random& random, const std::vector<test::MapFrame>& kinds,
                              std::int32_t number, double noise) {
  test::MapFrame frame;
  const auto& from = kinds[static_cast<std::size_t>(random.integer(0, std::ssize(kinds) - 1))];
  frame.number = number;
  frame.pose = from.pose;
  frame.features = from.features.clone();
  frame.xyz = from.xyz;
  for (auto& value : frame.features.as<float>())
    value += static_cast<float>(noise) * random.normal();
  return frame;
}

TEST(VoxelMapChanges, ACopyThatFollowsThemIsNeverFartherOffThanTheThreshold) {
  test::Random random(3360);
  std::int64_t updates = 0, opportunities = 0;
  double worst = 0;
  for (std::int64_t round = 0; round < test::cases(200); ++round) {
    VoxelMapOptions options;
    options.voxel_size = static_cast<float>(random.between(0.1, 0.5));
    options.changed_threshold = random.between(0.01, 0.5);
    options.max_age = random.chance(0.3) ? 2 : 0;
    options.max_voxels = random.chance(0.3) ? random.integer(1, 60) : 1000;
    kernels::Resources resources(1);
    VoxelMap map(resources, options);
    MapChanges changes;
    std::map<VoxelKey, Mean> copy;
    std::vector<test::MapFrame> kinds;
    for (std::int32_t i = 0; i < 3; ++i)
      kinds.push_back(test::random_map_frame(random, random.integer(1, 60), 12, 0));
    const double noise = random.chance(0.3) ? 0 : random.between(0, 0.5);
    for (std::int32_t f = 0; f < 25; ++f) {
      map.integrate(drifting_frame(random, kinds, f, noise).view(), changes);
      const auto means = means_of(map);
      Keys before, now;
      for (const auto& [key, mean] : copy) before.insert(key);
      for (const auto& [key, mean] : means) now.insert(key);

      Keys expected_added, expected_gone;
      std::set_difference(now.begin(), now.end(), before.begin(), before.end(),
                          std::inserter(expected_added, expected_added.end()));
      std::set_difference(before.begin(), before.end(), now.begin(), now.end(),
                          std::inserter(expected_gone, expected_gone.end()));
      ASSERT_TRUE(ascends(changes.added) && ascends(changes.changed) &&
                  ascends(changes.seen_through) && ascends(changes.evicted));
      ASSERT_EQ(Keys(changes.added.begin(), changes.added.end()), expected_added)
          << "round " << round << ", frame " << f;
      Keys gone(changes.evicted.begin(), changes.evicted.end());
      gone.insert(changes.seen_through.begin(), changes.seen_through.end());
      ASSERT_EQ(gone, expected_gone) << "round " << round << ", frame " << f;
      for (const VoxelKey key : changes.changed)
        ASSERT_TRUE(before.count(key) == 1 && now.count(key) == 1);

      for (const VoxelKey key : gone) copy.erase(key);
      for (const VoxelKey key : changes.added) copy[key] = means.at(key);
      for (const VoxelKey key : changes.changed) copy[key] = means.at(key);
      for (const auto& [key, mean] : means) {
        const double off = distance(mean, copy.at(key)) / length(copy.at(key));
        ASSERT_LE(off, options.changed_threshold * (1 + 1e-5) + 1e-6)
            << "round " << round << ", frame " << f;
        worst = std::max(worst, off / options.changed_threshold);
      }
      updates += std::ssize(changes.changed);
      opportunities += std::ssize(now) - std::ssize(changes.added);
    }
  }
  EXPECT_GT(worst, 0.5) << "the copy is updated far too often";
  EXPECT_LT(updates, opportunities / 2);
}

TEST(VoxelMapChanges, AStillSceneIsReportedOnce) {
  test::Random random(3361);
  kernels::Resources resources(1);
  VoxelMap map(resources, {});
  MapChanges changes;
  auto frame = test::random_map_frame(random, 200, 64, 0);
  map.integrate(frame.view(), changes);
  EXPECT_EQ(std::ssize(changes.added), map.size());
  for (frame.number = 1; frame.number < 500; ++frame.number) {
    map.integrate(frame.view(), changes);
    ASSERT_TRUE(changes.added.empty());
    ASSERT_TRUE(changes.changed.empty()) << "frame " << frame.number;
  }
}

TEST(VoxelMapChanges, ChangeIsSmoothedAndBounded) {
  kernels::Resources resources(1);
  VoxelMap map(resources, {.change_rate = 0.5});
  MapChanges changes;
  VoxelTable table;
  test::MapFrame frame;
  frame.xyz = {0, 0, 1};
  const auto see = [&](std::initializer_list<float> features) {
    frame.features = Tensor::from<float>(std::span(features.begin(), features.size()), {1, 2});
    map.integrate(frame.view(), changes);
    ++frame.number;
    map.table(table);
    return table.change[0];
  };
  EXPECT_EQ(see({1, 0}), 0.0F);
  EXPECT_EQ(see({2, 0}), 0.0F);           // the same direction
  EXPECT_FLOAT_EQ(see({-6, 0}), 1.0F);    // opposite: halfway to 2
  EXPECT_FLOAT_EQ(see({0, 3}), 1.0F);     // at right angles: halfway from 1 to 1
  EXPECT_FLOAT_EQ(see({-1, 1}), 0.5F);    // as known: halfway to 0
  EXPECT_FLOAT_EQ(see({0, 0}), 0.75F);    // nothing where something was known
  EXPECT_EQ(table.view_spread[0], 0.0F);  // never saw from where
}

TEST(VoxelMapChanges, TinyAndHugeFeaturesAreComparedToo) {
  kernels::Resources resources(1);
  for (const float scale : {1e-25F, 1.0F, 1e25F}) {
    VoxelMap map(resources, {.change_rate = 1});
    MapChanges changes;
    VoxelTable table;
    test::MapFrame frame;
    frame.xyz = {0, 0, 1};
    const float first[] = {3 * scale, 0}, second[] = {0, 4 * scale};
    frame.features = Tensor::from<float>(first, {1, 2});
    map.integrate(frame.view(), changes);
    frame.number = 1;
    frame.features = Tensor::from<float>(second, {1, 2});
    map.integrate(frame.view(), changes);
    map.table(table);
    EXPECT_FLOAT_EQ(table.change[0], 1.0F) << scale;
    EXPECT_EQ(changes.changed.size(), 1U) << scale;
  }
}

}  // namespace
}  // namespace sluice::spatial3d
