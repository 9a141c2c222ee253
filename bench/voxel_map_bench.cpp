// What a frame costs a voxel map: back-projection and integration beside their floor, one pass over
// the frame's features; and the same views in maps of 10⁴ to 10⁶ voxels.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include "bench/floor.h"
#include "bench/planted_video.h"
#include "bench/samples.h"
#include "kernels/resources.h"
#include "spatial3d/back_projection.h"
#include "spatial3d/voxel_map.h"
#include "stream/pose.h"

namespace sluice::bench {
namespace {

using kernels::DType;
using kernels::Tensor;
using spatial3d::MapChanges;
using spatial3d::MapView;
using spatial3d::VoxelMap;
using spatial3d::VoxelTable;
using stream::Vec3;

constexpr std::int64_t frames = 48;  // one turn of the camera; their features don't fit a cache
constexpr std::int32_t side = 24, image_width = 640, image_height = 480;
constexpr stream::Intrinsics intrinsics{585, 585, 319.5, 239.5};

struct Box {
  Vec3 low, high;
};

/// A room and what stands in it.
const std::vector<Box> boxes = {{{-3, -2.5, 0}, {3, 2.5, 2.6}},
                                {{0.8, -0.5, 0}, {1.8, 0.6, 0.75}},
                                {{-2.9, -2, 0}, {-2.3, -0.5, 1.9}},
                                {{-1.4, 1.3, 0}, {-0.9, 1.8, 0.45}}};

/// Depth along the optical axis at which a ray that starts inside the room meets a surface.
double depth_along(const Vec3& eye, const Vec3& ray) {
  double nearest = std::numeric_limits<double>::infinity();
  for (const Box& box : boxes) {
    double enter = -nearest, leave = std::numeric_limits<double>::infinity();
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const double a = (box.low[axis] - eye[axis]) / ray[axis];
      const double b = (box.high[axis] - eye[axis]) / ray[axis];
      enter = std::max(enter, std::min(a, b));
      leave = std::min(leave, std::max(a, b));
    }
    if (enter < leave && leave > 0) nearest = std::min(nearest, enter > 0 ? enter : leave);
  }
  return nearest;
}

struct View {
  stream::Pose pose;
  Tensor depth;     // [H,W]
  Tensor features;  // [S,D]
};

/// A camera that walks round the middle of the room once and looks outwards.
std::vector<View> walk(std::int64_t width) {
  kernels::Resources all_cores;
  const Tensor planted = planted_video(all_cores, {frames, side * side, width}).features;
  std::vector<View> views(static_cast<std::size_t>(frames));
  for (std::int64_t f = 0; f < frames; ++f) {
    View& view = views[static_cast<std::size_t>(f)];
    const double angle = 2 * std::numbers::pi * static_cast<double>(f) / frames + 0.01;
    const double c = std::cos(angle), s = std::sin(angle);
    view.pose = {s, 0, c, 0.4 * c, -c, 0, s, 0.4 * s, 0, -1, 0, 1.4, 0, 0, 0, 1};
    view.depth.reshape(DType::f32, {image_height, image_width});
    auto depth = view.depth.as<float>();
    for (std::int32_t v = 0; v < image_height; ++v)
      for (std::int32_t u = 0; u < image_width; ++u) {
        const Vec3 ray = stream::rotate(view.pose, {(u - intrinsics.cx) / intrinsics.fx,
                                                    (v - intrinsics.cy) / intrinsics.fy, 1});
        depth[static_cast<std::size_t>(v * image_width + u)] =
            static_cast<float>(depth_along(stream::origin(view.pose), ray));
      }
    view.features.copy_from(planted.view()[f]);
  }
  return views;
}

/// Pushes views one after the other.
class Walker {
 public:
  Walker(kernels::Resources& resources, float voxel_size, std::int64_t width)
      : resources_(resources),
        views_(walk(width)),
        map_(resources, {.voxel_size = voxel_size, .max_voxels = 4'000'000}) {}

  /// Voxels in rooms like this one, all around it, until the map has `voxels`.
  void fill(std::int64_t voxels) {
    constexpr std::int64_t points = 4096;
    const float size = map_.options().voxel_size;
    const auto per_wall = static_cast<std::int64_t>(5 / size);
    Tensor features(DType::f32, {points, views_[0].features.size(1)});
    std::ranges::fill(features.as<float>(), 1.0F);
    std::int64_t next = 0;
    while (map_.size() < voxels) {
      const std::int64_t count = std::min(points, voxels - map_.size());
      xyz_.clear();
      for (std::int64_t i = 0; i < count; ++i, ++next) {
        const std::int64_t wall = next / (per_wall * per_wall) + 1;
        const auto along = static_cast<float>(next % per_wall) * size;
        const auto up = static_cast<float>(next / per_wall % per_wall) * size;
        const float away = 7 * static_cast<float>(wall / 8 + 1);
        const float place[4] = {-away, away, 0.3F * away, -0.6F * away};
        const auto which = static_cast<std::size_t>(wall % 4);
        xyz_.insert(xyz_.end(), {place[which] + (wall % 8 < 4 ? 0.0F : along),
                                 place[3 - which] + (wall % 8 < 4 ? along : 0.0F), up});
      }
      MapView view;
      view.frame = frame_++;
      view.features = kernels::TensorView(features.data(), DType::f32, {count, features.size(1)});
      view.xyz = xyz_;
      map_.integrate(view, changes_);
    }
  }

  void step(Samples& projection, Samples& integration, Samples& tables) {
    const View& view = views_[static_cast<std::size_t>(frame_ % frames)];
    projection.measure([&] {
      spatial3d::back_project(resources_, view.depth, intrinsics, view.pose, {side, side}, {},
                              xyz_);
    });
    MapView map_view{frame_++, 0, view.features, xyz_, view.depth, intrinsics, view.pose};
    integration.measure([&] { map_.integrate(map_view, changes_); });
    tables.measure([&] { map_.table(table_); });
  }

  [[nodiscard]] const View& opposite_view() const {
    return views_[static_cast<std::size_t>((frame_ + frames / 2) % frames)];
  }
  [[nodiscard]] const VoxelMap& map() const { return map_; }

 private:
  kernels::Resources& resources_;
  std::vector<View> views_;
  VoxelMap map_;
  VoxelTable table_;
  MapChanges changes_;
  std::vector<float> xyz_;
  std::int32_t frame_ = 0;
};

void map_frame(benchmark::State& state, float voxel_size, std::int64_t width, std::int64_t voxels) {
  kernels::Resources resources(static_cast<int>(state.range(0)));
  Walker walker(resources, voxel_size, width);
  walker.fill(voxels);
  Samples projection, integration, tables, pass;
  {
    Samples first_projection, first_integration, first_tables;
    for (std::int64_t f = 0; f < 2 * frames; ++f)
      walker.step(first_projection, first_integration, first_tables);
    state.counters["first_turns_p99_ms"] = first_integration.percentile(0.99);
  }
  Samples all;
  for (auto _ : state) {
    state.SetIterationTime(all.measure([&] { walker.step(projection, integration, tables); }));
    // Of a view that is as cold as the next one will be.
    pass.measure([&] {
      benchmark::DoNotOptimize(sum_everything(resources, walker.opposite_view().features));
    });
  }
  auto& counters = state.counters;
  counters["back_project_p50_ms"] = projection.percentile(0.5);
  counters["integrate_p50_ms"] = integration.percentile(0.5);
  counters["integrate_p99_ms"] = integration.percentile(0.99);
  counters["table_p50_ms"] = tables.percentile(0.5);
  counters["table_p99_ms"] = tables.percentile(0.99);
  counters["p50_ms"] = all.percentile(0.5);
  counters["p99_ms"] = all.percentile(0.99);
  counters["max_ms"] = all.percentile(1);
  counters["pass_p50_ms"] = pass.percentile(0.5);
  counters["pass_min_ms"] = pass.percentile(0);
  counters["voxels"] = static_cast<double>(walker.map().size());
  counters["threads"] = static_cast<double>(state.range(0));
}

/// All rows of a table, as for someone who asks for the first time.
void whole_table(benchmark::State& state, std::int64_t voxels) {
  kernels::Resources resources(1);
  Walker walker(resources, 0.05F, 32);
  walker.fill(voxels);
  VoxelTable table;
  walker.map().table(table);
  Samples samples;
  for (auto _ : state) {
    table.version = 0;
    state.SetIterationTime(samples.measure([&] { walker.map().table(table); }));
  }
  state.counters["p50_ms"] = samples.percentile(0.5);
  state.counters["p99_ms"] = samples.percentile(0.99);
  state.counters["voxels"] = static_cast<double>(table.size());
}

void add(const std::string& name, float voxel_size, std::int64_t width, std::int64_t voxels,
         std::vector<std::int64_t> threads) {
  auto* registered = benchmark::RegisterBenchmark(
      name.c_str(), [=](benchmark::State& state) { map_frame(state, voxel_size, width, voxels); });
  for (const std::int64_t count : threads) registered->Arg(count);
  registered->ArgName("threads")
      ->Iterations(10 * frames)
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  using sluice::bench::add;
  add("map_frame/24x24x1024/0.2m", 0.2F, 1024, 0, {1, 2});
  add("map_frame/24x24x1024/0.03m", 0.03F, 1024, 0, {1, 2});
  add("map_size/24x24x64/0.05m/10000", 0.05F, 64, 10'000, {1});
  add("map_size/24x24x64/0.05m/100000", 0.05F, 64, 100'000, {1});
  add("map_size/24x24x64/0.05m/1000000", 0.05F, 64, 1'000'000, {1});
  benchmark::RegisterBenchmark(
      "whole_table/100000",
      [](benchmark::State& state) { sluice::bench::whole_table(state, 100'000); })
      ->UseManualTime()
      ->Iterations(100)
      ->Unit(benchmark::kMillisecond);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
