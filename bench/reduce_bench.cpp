// temporal::ClipReducer beside its floor: one pass over the same features, and the Gram matrices
// that clustering needs; same run, same buffers. bench/run makes a page of it.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bench/floor.h"
#include "bench/planted_video.h"
#include "bench/samples.h"
#include "kernels/resources.h"
#include "temporal/reduce.h"

namespace sluice::bench {
namespace {

/// The inputs of one shape; only the last one is kept, because the largest takes 2.9 GB.
const PlantedVideo& video_of(const VideoShape& shape) {
  static VideoShape held;
  static PlantedVideo video;
  if (held.frames != shape.frames || held.positions != shape.positions ||
      held.width != shape.width) {
    video = {};
    kernels::Resources all_cores;
    video = planted_video(all_cores, shape);
    held = shape;
  }
  return video;
}

/// How many rows each segment's clustering had.
std::vector<std::int64_t> static_tokens_per_segment(const temporal::Reduction& reduction) {
  std::vector<std::int64_t> sizes;
  for (const auto& segment : reduction.segments) {
    if (segment.frames() == 1) continue;
    std::int64_t count = 0;
    for (std::int64_t p = 0; p < reduction.positions; ++p) {
      bool redundant = true;
      for (std::int64_t f = segment.first; f < segment.last && redundant; ++f)
        redundant =
            reduction.redundancy.redundant[static_cast<std::size_t>(f * reduction.positions + p)] !=
            0;
      count += redundant;
    }
    sizes.push_back(count);
  }
  return sizes;
}

void reduce(benchmark::State& state, const VideoShape& shape, bool with_attention) {
  const int threads = static_cast<int>(state.range(0));
  const PlantedVideo& video = video_of(shape);
  const kernels::TensorView attention =
      with_attention ? video.attention.view() : kernels::TensorView();
  kernels::Resources resources(threads);
  temporal::ClipReducer reducer(resources, temporal::HolitomParameters{});
  temporal::Reduction reduction;
  for (int warm_up = 0; warm_up < 2; ++warm_up)
    reducer.reduce(video.features, attention, reduction);
  GramFloor gram(static_tokens_per_segment(reduction), shape.width);
  gram.run(video.features, threads);

  Samples core, pass, product;
  for (auto _ : state) {
    state.SetIterationTime(
        core.measure([&] { reducer.reduce(video.features, attention, reduction); }));
    pass.measure([&] { benchmark::DoNotOptimize(sum_everything(resources, video.features)); });
  }
  // Not in turn with the others: OpenMP's threads spin for a while after each product.
  for (std::int64_t i = 0; i < state.max_iterations; ++i)
    product.measure([&] { gram.run(video.features, threads); });

  // The fastest runs, so that a disturbance can't raise the floor and flatter the ratio.
  const double pass_ms = pass.percentile(0);
  const double gram_ms = product.percentile(0);
  auto& counters = state.counters;
  counters["min_ms"] = core.percentile(0);
  counters["p50_ms"] = core.percentile(0.5);
  counters["p99_ms"] = core.percentile(0.99);
  counters["max_ms"] = core.percentile(1);
  counters["pass_ms"] = pass_ms;
  counters["gram_ms"] = gram_ms;
  counters["floor_ms"] = pass_ms + gram_ms;
  counters["ratio"] = core.percentile(0.5) / (pass_ms + gram_ms);
  counters["pass_GB_s"] = static_cast<double>(video.features.byte_size()) / (1e6 * pass_ms);
  counters["gram_GFLOP_s"] = gram_ms > 0 ? gram.operations() / (1e6 * gram_ms) : 0;
  counters["threads"] = threads;
  counters["frames"] = static_cast<double>(shape.frames);
  counters["positions"] = static_cast<double>(shape.positions);
  counters["width"] = static_cast<double>(shape.width);
  counters["tokens_kept"] = static_cast<double>(reduction.tokens.size());
  counters["available"] = static_cast<double>(reduction.available);
  state.SetLabel("checksum " + std::to_string(checksum(video.features)));
}

void add(const std::string& name, const VideoShape& shape, bool with_attention,
         std::int64_t iterations) {
  benchmark::RegisterBenchmark(
      name.c_str(), [=](benchmark::State& state) { reduce(state, shape, with_attention); })
      ->Arg(1)
      ->Arg(2)
      ->ArgName("threads")
      ->Iterations(iterations)
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  using sluice::bench::add;
  add("reduce/32x196x3584", {32, 196, 3584}, true, 200);
  add("reduce_without_attention/32x196x3584", {32, 196, 3584}, false, 200);
  add("reduce/64x169x3584", {64, 169, 3584}, true, 100);
  add("reduce/128x196x3584", {128, 196, 3584}, true, 100);
  add("reduce/1024x196x3584", {1024, 196, 3584}, true, 15);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
