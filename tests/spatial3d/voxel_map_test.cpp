// What a voxel map knows of its voxels, against a naive map in double precision; its tables; and
// what it refuses.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <numeric>

#include "kernels/error.h"
#include "spatial3d/voxel_map.h"
#include "tests/support/box_scene.h"
#include "tests/support/map_frames.h"

namespace sluice::spatial3d {
namespace {

using kernels::DType;
using kernels::Tensor;
using kernels::VoxelKey;
using stream::Vec3;

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

/// One voxel as its definition has it.
struct NaiveVoxel {
  std::vector<double> sum;
  Vec3 place_sum{}, direction_sum{};
  double weight = 0, views = 0, change = 0;

  void see(const std::vector<double>& features, const Vec3& places, double patches,
           const Vec3& camera, double rate) {
    if (views > 0) {
      const double lengths = std::sqrt(dot(sum, sum) * dot(features, features));
      change += rate * (1 - dot(sum, features) / lengths - change);
    } else {
      sum.assign(features.size(), 0.0);
    }
    Vec3 direction{};
    double square = 0;
    for (std::size_t axis = 0; axis < 3; ++axis) {
      place_sum[axis] += places[axis];
      direction[axis] = places[axis] / patches - camera[axis];
      square += direction[axis] * direction[axis];
    }
    for (std::size_t axis = 0; axis < 3; ++axis)
      direction_sum[axis] += direction[axis] / std::sqrt(square);
    for (std::size_t d = 0; d < sum.size(); ++d) sum[d] += features[d];
    weight += patches;
    views += 1;
  }
};

struct NaiveMap {
  std::map<VoxelKey, NaiveVoxel> voxels;

  void integrate(const test::MapFrame& frame, float voxel_size, double rate) {
    struct Seen {
      std::vector<double> features;
      Vec3 places{};
      double patches = 0;
    };
    std::map<VoxelKey, Seen> seen;
    const auto width = static_cast<std::size_t>(frame.features.size(1));
    const auto values = frame.features.as<float>();
    for (std::size_t p = 0; 3 * p < frame.xyz.size(); ++p) {
      auto& voxel = seen[kernels::voxel_of(&frame.xyz[3 * p], voxel_size)];
      voxel.features.resize(width);
      for (std::size_t d = 0; d < width; ++d)
        voxel.features[d] += static_cast<double>(values[p * width + d]);
      for (std::size_t axis = 0; axis < 3; ++axis)
        voxel.places[axis] += static_cast<double>(frame.xyz[3 * p + axis]);
      voxel.patches += 1;
    }
    for (const auto& [key, voxel] : seen)
      voxels[key].see(voxel.features, voxel.places, voxel.patches, stream::origin(*frame.pose),
                      rate);
  }
};

TEST(VoxelMap, KnowsWhatTheNaiveMapKnows) {
  test::Random random(3350);
  for (std::int64_t round = 0; round < test::cases(600); ++round) {
    const auto width = random.integer(1, 50);
    VoxelMapOptions options;
    options.voxel_size = static_cast<float>(random.between(0.05, 0.4));
    options.change_rate = random.between(0.05, 1);
    kernels::Resources resources(static_cast<int>(random.integer(1, 3)));
    VoxelMap map(resources, options);
    NaiveMap naive;
    MapChanges changes;
    VoxelTable table;
    test::MapFrame frame;
    for (std::int32_t f = 0; f < 8; ++f) {
      frame = test::random_map_frame(random, random.integer(1, 60), width, f);
      map.integrate(frame.view(), changes);
      naive.integrate(frame, options.voxel_size, options.change_rate);
    }
    map.table(table);
    ASSERT_EQ(table.size(), std::ssize(naive.voxels)) << "round " << round;
    std::size_t row = 0;
    for (const auto& [key, voxel] : naive.voxels) {
      ASSERT_EQ(table.key[row], key);
      ASSERT_EQ(static_cast<double>(table.weight[row]), voxel.weight);
      ASSERT_EQ(static_cast<double>(table.views[row]), voxel.views);
      ASSERT_NEAR(static_cast<double>(table.change[row]), voxel.change, 1e-5);
      const auto& d = voxel.direction_sum;
      ASSERT_NEAR(static_cast<double>(table.view_spread[row]),
                  1 - std::hypot(d[0], d[1], d[2]) / voxel.views, 1e-5);
      for (std::size_t axis = 0; axis < 3; ++axis)
        ASSERT_NEAR(static_cast<double>(table.xyz[3 * row + axis]),
                    voxel.place_sum[axis] / voxel.weight, 1e-6);
      const std::int32_t rows[] = {static_cast<std::int32_t>(row)};
      Tensor mean;
      map.features(table, rows, mean);
      for (std::size_t i = 0; i < static_cast<std::size_t>(width); ++i)
        ASSERT_NEAR(static_cast<double>(mean.as<float>()[i]), voxel.sum[i] / voxel.weight, 1e-5);
      const bool in_view = std::find(changes.voxel_of_patch.begin(), changes.voxel_of_patch.end(),
                                     key) != changes.voxel_of_patch.end();
      ASSERT_EQ(table.in_view[row] == 1, in_view);
      ++row;
    }
  }
}

/// Compares all columns.
void expect_same_table(const VoxelTable& a, const VoxelTable& b) {
  ASSERT_EQ(a.key, b.key);
  ASSERT_EQ(a.slot, b.slot);
  ASSERT_EQ(a.xyz, b.xyz);
  ASSERT_EQ(a.weight, b.weight);
  ASSERT_EQ(a.views, b.views);
  ASSERT_EQ(a.first_frame, b.first_frame);
  ASSERT_EQ(a.last_frame, b.last_frame);
  ASSERT_EQ(a.first_pts, b.first_pts);
  ASSERT_EQ(a.last_pts, b.last_pts);
  ASSERT_EQ(a.change, b.change);
  ASSERT_EQ(a.view_spread, b.view_spread);
  ASSERT_EQ(a.in_view, b.in_view);
}

TEST(VoxelMap, ATableThatIsContinuedEqualsAFreshOne) {
  test::Random random(3351);
  kernels::Resources resources(1);
  for (std::int64_t round = 0; round < test::cases(600); ++round) {
    VoxelMapOptions options;
    options.voxel_size = static_cast<float>(random.between(0.05, 0.3));
    options.max_voxels = random.integer(1, 120);
    options.max_age = random.integer(0, 4);
    VoxelMap map(resources, options), other(resources, options);
    MapChanges changes;
    VoxelTable kept, occasional, fresh;
    std::int32_t frame = 0;
    for (std::int32_t step = 0; step < 20; ++step) {
      if (random.chance(0.05)) map.clear();
      for (std::int64_t i = random.integer(0, 2); i > 0; --i)
        map.integrate(test::random_map_frame(random, random.integer(0, 50), 4, frame++).view(),
                      changes);
      map.table(kept);
      fresh = {};
      if (random.chance(0.3)) {
        map.table(fresh);
        ASSERT_NO_FATAL_FAILURE(expect_same_table(kept, fresh)) << "round " << round;
      }
      if (random.chance(0.3)) {  // skipped some states
        map.table(occasional);
        ASSERT_NO_FATAL_FAILURE(expect_same_table(kept, occasional)) << "round " << round;
      }
      if (random.chance(0.1)) other.table(kept);  // of another map, which is empty
    }
  }
}

TEST(VoxelMap, ForgetsEverythingOnClear) {
  test::Random random(3352);
  kernels::Resources resources(1);
  VoxelMap map(resources, {});
  MapChanges changes;
  VoxelTable table;
  map.integrate(test::random_map_frame(random, 40, 8, 5).view(), changes);
  map.table(table);
  map.clear();
  EXPECT_EQ(map.size(), 0);
  map.table(table);
  EXPECT_EQ(table.size(), 0);
  // Another width and an earlier frame: a new recording.
  map.integrate(test::random_map_frame(random, 40, 16, 0).view(), changes);
  map.table(table);
  EXPECT_EQ(table.key, changes.added);
}

TEST(VoxelMap, SaysWhyAPatchHasNoVoxel) {
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  constexpr float infinity = std::numeric_limits<float>::infinity();
  test::Random random(3353);
  kernels::Resources resources(1);
  VoxelMap map(resources, {.max_distance = 10});
  auto frame = test::random_map_frame(random, 7, 3, 0);
  frame.pose = test::look_at({0, 0, 0}, {1, 0, 0});
  frame.xyz = {0, 0, 1, nan, 0, 1, 1e30F, 0, 1, 0, 0, 2, 0, infinity, 2, 0, 0, 11, 0, 0, 1};
  frame.features.as<float>()[3 * 3 + 1] = nan;
  frame.features.as<float>()[6 * 3] = 1e30F;  // finite, though its square is not in f32
  MapChanges changes;
  map.integrate(frame.view(), changes);
  const auto code = [](stream::DropReason reason) { return static_cast<std::int64_t>(reason); };
  using enum stream::DropReason;
  const auto voxel = kernels::pack({0, 0, 5});
  EXPECT_EQ(changes.voxel_of_patch,
            (std::vector<std::int64_t>{voxel, code(no_depth), code(outside), code(non_finite),
                                       code(outside), code(outside), voxel}));
  EXPECT_EQ(changes.added, std::vector<VoxelKey>{voxel});
}

TEST(VoxelMap, RefusesBadFramesAndStaysAsItWas) {
  test::Random random(3354);
  kernels::Resources resources(1);
  VoxelMap map(resources, {});
  MapChanges changes;
  map.integrate(test::random_map_frame(random, 20, 8, 3).view(), changes);
  VoxelTable before, after;
  map.table(before);
  const auto refused = [&](const std::function<void(test::MapFrame&, MapView&)>& spoil) {
    auto frame = test::random_map_frame(random, 20, 8, 4);
    frame.depth = Tensor(DType::f32, {4, 5});
    std::ranges::fill(frame.depth.as<float>(), 1.0F);
    MapView view = frame.view();
    spoil(frame, view);
    EXPECT_THROW(map.integrate(view, changes), Error);
    map.table(after);
    expect_same_table(before, after);
  };
  refused([](auto&, MapView& view) { view.frame = 3; });
  refused([](auto&, MapView& view) { view.frame = -1; });
  refused([](auto&, MapView& view) { view.pts = std::nan(""); });
  refused([](auto&, MapView& view) { view.xyz = view.xyz.subspan(3); });
  refused([](auto& frame, MapView& view) {
    frame.features.reshape(DType::f32, {20, 7});
    view.features = frame.features;
  });
  refused([](auto& frame, MapView& view) {
    frame.features.reshape(DType::bf16, {20, 8});
    view.features = frame.features;
  });
  refused([](auto& frame, MapView& view) {
    frame.features.reshape(DType::f32, {160});
    view.features = frame.features;
  });
  refused([](auto&, MapView& view) { (*view.pose)[0] = 2; });
  refused([](auto& frame, MapView& view) {
    frame.depth.reshape(DType::f64, {4, 5});
    view.depth = frame.depth;
  });
  refused([](auto& frame, MapView& view) {
    frame.depth.reshape(DType::f32, {20});
    view.depth = frame.depth;
  });
  refused([](auto&, MapView& view) { view.intrinsics.fx = 0; });
  refused([](auto&, MapView& view) { view.intrinsics.cy = std::nan(""); });
}

TEST(VoxelMap, RefusesOptionsOutOfRange) {
  kernels::Resources resources(1);
  const auto refused = [&](const std::function<void(VoxelMapOptions&)>& spoil) {
    VoxelMapOptions options;
    spoil(options);
    EXPECT_THROW(VoxelMap(resources, options), Error);
  };
  refused([](auto& options) { options.voxel_size = 0; });
  refused([](auto& options) { options.voxel_size = std::numeric_limits<float>::infinity(); });
  refused([](auto& options) { options.looks_to_remove = 0; });
  refused([](auto& options) { options.depth_noise = -0.1F; });
  refused([](auto& options) { options.max_distance = std::nan(""); });
  refused([](auto& options) { options.max_age = -1; });
  refused([](auto& options) { options.max_voxels = 0; });
  refused([](auto& options) { options.changed_threshold = -1; });
  refused([](auto& options) { options.change_rate = 0; });
  refused([](auto& options) { options.change_rate = 1.5; });
}

TEST(VoxelMap, RefusesRowsOfAnOldTable) {
  test::Random random(3355);
  kernels::Resources resources(1);
  VoxelMap map(resources, {.max_age = 1});
  MapChanges changes;
  VoxelTable table;
  map.integrate(test::random_map_frame(random, 20, 8, 0).view(), changes);
  map.table(table);
  Tensor features;
  map.features(table, {}, features);
  EXPECT_EQ(features.shape(), (kernels::Shape{0, 8}));
  const std::int32_t first[] = {0}, past[] = {static_cast<std::int32_t>(table.size())};
  EXPECT_NO_THROW(map.features(table, first, features));
  EXPECT_THROW(map.features(table, past, features), Error);
  auto empty = test::random_map_frame(random, 0, 8, 9);
  map.integrate(empty.view(), changes);  // everything is too old now
  EXPECT_EQ(map.size(), 0);
  EXPECT_THROW(map.features(table, first, features), Error);
}

}  // namespace
}  // namespace sluice::spatial3d
