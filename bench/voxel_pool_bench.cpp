// Voxel pooling beside its floor, one pass over the same features: 20 views of a room as
// AdaToken-3D has them, 576 patches each, voxels of 0.2 m. peer_voxel_pool.py does the same in
// PyTorch.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <vector>

#include "bench/floor.h"
#include "bench/planted_video.h"
#include "bench/samples.h"
#include "kernels/float16.h"
#include "kernels/point_sampling.h"
#include "kernels/resources.h"
#include "kernels/voxel_pool.h"

namespace sluice::bench {
namespace {

using kernels::DType;
using kernels::Tensor;
using kernels::TensorView;

constexpr std::int64_t views = 20, side = 24, patches = side * side, width = 1024;
constexpr float voxel_size = 0.2F;

/// In [0, 1), 24 bits.
float jitter(std::int64_t index) {
  const auto bits = static_cast<std::uint32_t>(static_cast<std::uint64_t>(index) * 2654435761U);
  return static_cast<float>(bits >> 8) * 0x1p-24F;
}

/// xyz [V·576,3]: each view sees 3.2 m of the walls of a room of 6 × 5 m, 2.7 m high, and starts
/// 1.1 m after the one before. The same bits as places() of peer_voxel_pool.py.
std::vector<float> places() {
  std::vector<float> xyz;
  for (std::int64_t i = 0; i < views * patches; ++i) {
    const auto view = static_cast<float>(i / patches);
    const auto row = static_cast<float>(i % patches / side);
    const auto column = static_cast<float>(i % side);
    float along = 1.1F * view + 3.2F / 24 * (column + jitter(i));
    while (along >= 22) along -= 22;
    const float depth = 0.04F * jitter(3 * i + 1);  // of what hangs on the walls
    if (along < 6)
      xyz.insert(xyz.end(), {along, depth});
    else if (along < 11)
      xyz.insert(xyz.end(), {6 - depth, along - 6});
    else if (along < 17)
      xyz.insert(xyz.end(), {17 - along, 5 - depth});
    else
      xyz.insert(xyz.end(), {depth, 22 - along});
    xyz.push_back(2.7F / 24 * (row + jitter(3 * i + 2)));
  }
  return xyz;
}

/// [V·576,D] of planted_video(), in another type.
Tensor features_as(const TensorView& planted, DType dtype) {
  Tensor features(dtype, {views * patches, width});
  const auto values = planted.as<float>();
  for (std::size_t i = 0; i < values.size(); ++i)
    if (dtype == DType::f32)
      features.as<float>()[i] = values[i];
    else
      features.as<kernels::Bfloat16>()[i] = kernels::to_bfloat16(values[i]);
  return features;
}

/// The same bytes as f32: all that a pass over them needs.
TensorView as_f32(const Tensor& features) {
  return {features.data(), DType::f32, {static_cast<std::int64_t>(features.byte_size() / 4)}};
}

void report(benchmark::State& state, Samples& samples) {
  state.counters["min_ms"] = samples.percentile(0);
  state.counters["p50_ms"] = samples.percentile(0.5);
  state.counters["p99_ms"] = samples.percentile(0.99);
  state.counters["max_ms"] = samples.percentile(1);
  state.counters["threads"] = static_cast<double>(state.range(0));
}

void voxel_pool(benchmark::State& state, DType dtype) {
  kernels::Resources resources(static_cast<int>(state.range(0)));
  const std::vector<float> xyz = places();
  const Tensor planted = planted_video(resources, {views, patches, width}).features;
  const Tensor features = features_as(planted, dtype);
  kernels::VoxelGroups groups;
  Tensor pooled;
  const auto run = [&](Samples& grouping) {
    grouping.measure([&] { kernels::group_by_voxel(resources, xyz, voxel_size, groups); });
    kernels::pool_groups(resources, features, groups, pooled);
  };
  Samples all, grouping, pass, warm_up;
  for (int i = 0; i < 3; ++i) run(warm_up);
  for (auto _ : state) {
    state.SetIterationTime(all.measure([&] { run(grouping); }));
    pass.measure([&] { benchmark::DoNotOptimize(sum_everything(resources, as_f32(features))); });
  }
  report(state, all);
  // The fastest pass, so that a disturbance can't raise the floor and flatter the ratio.
  const double floor = pass.percentile(0);
  state.counters["grouping_ms"] = grouping.percentile(0.5);
  state.counters["pass_ms"] = floor;
  state.counters["pass_GB_s"] = static_cast<double>(features.byte_size()) / (1e6 * floor);
  state.counters["ratio"] = all.percentile(0.5) / floor;
  state.counters["voxels"] = static_cast<double>(groups.size());
  state.SetLabel("checksum " + std::to_string(checksum(planted)) + " places " +
                 std::to_string(checksum(
                     TensorView(xyz.data(), DType::f32, {static_cast<std::int64_t>(xyz.size())}))));
}

/// Only the grouping: what it costs where features don't matter.
void group(benchmark::State& state, std::int64_t points) {
  kernels::Resources resources(static_cast<int>(state.range(0)));
  std::vector<float> xyz;
  for (std::int64_t i = 0; i < 3 * points; ++i) xyz.push_back(10 * jitter(7 * i));
  kernels::VoxelGroups groups;
  Samples samples;
  kernels::group_by_voxel(resources, xyz, voxel_size, groups);
  for (auto _ : state)
    state.SetIterationTime(
        samples.measure([&] { kernels::group_by_voxel(resources, xyz, voxel_size, groups); }));
  report(state, samples);
  state.counters["voxels"] = static_cast<double>(groups.size());
}

/// The published cap of 2560 tokens, kept by coverage instead of by chance.
void farthest(benchmark::State& state, std::int64_t points, std::int64_t k) {
  kernels::Resources resources(static_cast<int>(state.range(0)));
  std::vector<float> xyz;
  for (std::int64_t i = 0; i < 3 * points; ++i) xyz.push_back(10 * jitter(7 * i));
  std::vector<std::int32_t> chosen;
  Samples samples;
  for (auto _ : state)
    state.SetIterationTime(
        samples.measure([&] { kernels::farthest_points(resources, xyz, k, chosen); }));
  report(state, samples);
}

template <typename Run>
void add(const std::string& name, Run run, std::vector<std::int64_t> threads,
         std::int64_t iterations) {
  auto* registered = benchmark::RegisterBenchmark(name.c_str(), run);
  for (const std::int64_t count : threads) registered->Arg(count);
  registered->ArgName("threads")
      ->Iterations(iterations)
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  using sluice::kernels::DType;
  using namespace sluice::bench;
  using benchmark::State;
  add(
      "voxel_pool/20x576x1024/f32", [](State& s) { voxel_pool(s, DType::f32); }, {1, 2}, 100);
  add(
      "voxel_pool/20x576x1024/bf16", [](State& s) { voxel_pool(s, DType::bf16); }, {1, 2}, 100);
  add(
      "group_by_voxel/100000", [](State& s) { group(s, 100'000); }, {1, 2}, 50);
  add(
      "group_by_voxel/1000000", [](State& s) { group(s, 1'000'000); }, {1, 2}, 20);
  add(
      "farthest_points/20000/2560", [](State& s) { farthest(s, 20'000, 2560); }, {1}, 20);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
