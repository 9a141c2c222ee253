#include "kernels/cuda/max_min.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "kernels/cuda/block_operations.h"
#include "kernels/cuda/device_tensor.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/pair_sums.h"

namespace sluice::kernels::cuda {
namespace {

constexpr std::string_view where = "max-min on CUDA";
constexpr int threads_per_source = 512;
constexpr int entries_per_block = 256;

struct Source {
  double* distances;  ///< [n,n]; dot products at first, and on the diagonal for good
  double* nearest;    ///< [n] scratch
  std::int32_t* kept;
  std::int32_t count, keep;
};

/// From dot products to 1 − cos, but on the diagonal: that others still need.
__global__ void __launch_bounds__(entries_per_block)
    turn_into_distances(double* matrix, std::int64_t n) {
  const std::int64_t at = std::int64_t{blockIdx.x} * entries_per_block + threadIdx.x;
  if (at >= n * n) return;
  const std::int64_t i = at / n, j = at % n;
  if (i == j) return;
  // One root of the product rather than a product of roots: equal rows then have a cosine of
  // exactly 1.
  const double scale = sqrt(matrix[i * n + i] * matrix[j * n + j]);
  matrix[at] = scale == 0 ? 1.0 : 1 - matrix[at] / scale;
}

/// What a block's threads know of each other's best.
struct Exchange {
  Indexed best[2][most_warps_per_block];
  int counts[most_warps_per_block];
};

/// The best of all threads, in every thread: one barrier. `round` alternates between two halves of
/// the exchange, because slow warps may still read the one before.
__device__ Indexed best_of_block(Indexed mine, Exchange& exchange, int round) {
  mine = best_of_lanes(mine, Larger{});
  Indexed* best = exchange.best[round % 2];
  if (lane_of_warp() == 0) best[warp_of_block()] = mine;
  __syncthreads();
  constexpr int warps = threads_per_source / warp_size;
  return best_of_lanes(lane_of_warp() < warps ? best[lane_of_warp()] : Indexed{0, -1}, Larger{});
}

/// One block per source. A thread owns every 512th row: its distance to the nearest selected row is
/// nobody else's business, so each round of the greedy choice has one barrier.
__global__ void __launch_bounds__(threads_per_source) choose(const Source* sources) {
  const Source source = sources[blockIdx.x];
  Exchange& exchange = *dynamic_shared<Exchange>();
  const auto me = static_cast<std::int32_t>(threadIdx.x);
  const std::int64_t n = source.count;
  constexpr double infinity = std::numeric_limits<double>::infinity();
  std::int32_t selected = -1;
  for (std::int32_t round = 0; round < source.keep && source.keep < source.count; ++round) {
    Indexed farthest{0, -1};
    for (std::int32_t i = me; i < source.count; i += threads_per_source) {
      double nearest = infinity;
      if (round == 0) {
#pragma unroll 8
        for (std::int32_t j = 0; j < source.count; ++j) {  // symmetric: neighbours read neighbours
          const double distance = source.distances[j * n + i];
          if (j != i && distance < nearest) nearest = distance;
        }
      } else {
        const double distance = i == selected ? -infinity : source.distances[selected * n + i];
        if (round > 1) nearest = source.nearest[i];
        if (distance < nearest) nearest = distance;
        source.nearest[i] = nearest;
      }
      const Indexed candidate{nearest, i};
      if (nearest != -infinity && Larger{}(candidate, farthest)) farthest = candidate;
    }
    selected = best_of_block(farthest, exchange, round).index;
  }
  std::int32_t* kept = source.kept;
  for (std::int32_t first = 0; first < source.count; first += threads_per_source) {
    const std::int32_t i = first + me;
    const bool chosen = i < source.count && (source.keep == source.count || i == selected ||
                                             (source.keep > 1 && source.nearest[i] == -infinity));
    const Place place = place_among_chosen(chosen, exchange.counts);
    if (chosen) kept[place.before] = i;
    kept += place.in_block;
  }
}

void check_problem(StreamResources& resources, const MaxMinProblem& problem) {
  const TensorView& features = problem.features;
  if (features.rank() != 2 || !is_feature_type(features.dtype()))
    throw input_error(where, concat(name(features.dtype()), ' ', features.shape().to_string()),
                      "[N,D] of f32, f16 or bf16");
  require_on_device(resources, features, where);
  const bool fits =
      problem.candidates == nullptr ? problem.count == features.size(0) : problem.count >= 0;
  if (!fits || problem.count > std::numeric_limits<std::int32_t>::max())
    throw input_error(where, concat(problem.count, " candidates"),
                      concat(features.size(0), ", all rows"));
}

/// Fills the matrix of a source that has something to decide.
void find_distances(StreamResources& resources, const MaxMinProblem& problem, double* distances) {
  const std::int64_t n = problem.count;
  const PairGroup group{0, 0, 0, static_cast<std::int32_t>(n)};
  const PairGroup* device_group = resources.device_copy(std::span(&group, 1));
  with_feature_type(problem.features.dtype(), [&](auto* type) {
    using T = std::remove_cvref_t<decltype(*type)>;
    launch_pair_sums<Product>(resources, where, static_cast<const T*>(problem.features.data()),
                              problem.candidates, problem.features.size(1), device_group, 1,
                              tiles_of(n), distances);
  });
  launch(resources, where, &turn_into_distances,
         {blocks_for(n * n, entries_per_block), entries_per_block}, distances, n);
}

}  // namespace

void max_min(StreamResources& resources, std::span<const MaxMinProblem> problems,
             std::int32_t* kept) {
  for (const MaxMinProblem& problem : problems) check_problem(resources, problem);
  const StreamResources::DeviceScratch scratch(resources);
  std::vector<Source> sources;
  for (const MaxMinProblem& problem : problems) {
    const std::int64_t n = problem.count;
    const std::int64_t keep = std::clamp<std::int64_t>(problem.keep, 0, n);
    if (keep == 0) continue;
    const bool decides = keep < n;
    Source source{decides ? resources.device_array<double>(n * n) : nullptr,
                  decides ? resources.device_array<double>(n) : nullptr, kept,
                  static_cast<std::int32_t>(n), static_cast<std::int32_t>(keep)};
    if (decides) find_distances(resources, problem, source.distances);
    sources.push_back(source);
    kept += keep;
  }
  if (sources.empty()) return;
  launch(resources, where, &choose,
         {static_cast<std::int64_t>(sources.size()), threads_per_source, sizeof(Exchange)},
         resources.device_copy(std::span<const Source>(sources)));
}

}  // namespace sluice::kernels::cuda
