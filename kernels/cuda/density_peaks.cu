#include "kernels/cuda/density_peaks.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "kernels/cuda/block_operations.h"
#include "kernels/cuda/device_tensor.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/pair_sums.h"
#include "kernels/cuda/top_k.h"
#include "kernels/exponential.h"

namespace sluice::kernels::cuda {
namespace {

constexpr std::string_view where = "density peaks on CUDA";
constexpr int warps_per_block = 8;

/// A problem's place among those of its turn. Row numbers count from the turn's first.
struct Problem {
  std::int64_t first_row;
  std::int64_t first_entry;
  std::int64_t first_centre;
  std::int32_t rows, centres, neighbours;
};

struct Turn {
  const Problem* problems;
  std::int32_t count;
  std::int64_t rows;
  int width;
  const double* distances;  // squared
};

struct RowStatistics {
  double* density;
  double* largest;  // squared distance to any row
  double* score;
};

/// Sets up a warp for its row; false past the last one.
struct RowTask {
  __device__ RowTask(const Turn& turn, std::int64_t row)
      : problem(group_of(turn.problems, turn.count, &Problem::first_row, row)),
        index(static_cast<std::int32_t>(row - problem.first_row)),
        distances(turn.distances + problem.first_entry +
                  static_cast<std::int64_t>(index) * problem.rows) {}

  const Problem& problem;
  std::int32_t index;       // of the row within its problem
  const double* distances;  // from it to all rows
};

/// ρ. One warp per row: finds the nearest rows one after the other, so they are added in ascending
/// order. k is small: seven by default.
__global__ void __launch_bounds__(warps_per_block* warp_size)
    find_densities(Turn turn, RowStatistics out) {
  const std::int64_t row = warp_of_grid();
  if (row >= turn.rows) return;
  const RowTask task(turn, row);
  Indexed last{-1, -1};
  double sum = 0;
  for (std::int32_t neighbour = 0; neighbour < task.problem.neighbours; ++neighbour) {
    Indexed next{0, -1};
    for (std::int32_t j = lane_of_warp(); j < task.problem.rows; j += warp_size) {
      const Indexed candidate{task.distances[j], j};
      if (neighbour > 0 && !Smaller{}(last, candidate)) continue;
      if (Smaller{}(candidate, next)) next = candidate;
    }
    last = best_of_lanes(next, Smaller{});
    sum += last.value;
  }
  Indexed largest{0, -1};
  for (std::int32_t j = lane_of_warp(); j < task.problem.rows; j += warp_size) {
    const Indexed candidate{task.distances[j], j};
    if (Larger{}(candidate, largest)) largest = candidate;
  }
  largest = best_of_lanes(largest, Larger{});
  if (lane_of_warp() != 0) return;
  const double mean = sum / static_cast<double>(task.problem.neighbours);
  out.density[row] = exponential(-(mean / static_cast<double>(turn.width)));
  out.largest[row] = largest.value;
}

/// δ and ρ·δ. One warp per row.
__global__ void __launch_bounds__(warps_per_block* warp_size)
    find_scores(Turn turn, RowStatistics rows) {
  const std::int64_t row = warp_of_grid();
  if (row >= turn.rows) return;
  const RowTask task(turn, row);
  const double* density = rows.density + task.problem.first_row;
  const double own = density[task.index];
  Indexed nearest{0, -1};  // of the denser rows
  Indexed largest{0, -1};  // of all distances, should no row be denser
  for (std::int32_t j = lane_of_warp(); j < task.problem.rows; j += warp_size) {
    const bool is_denser = density[j] > own || (density[j] == own && j < task.index);
    const Indexed candidate{task.distances[j], j};
    if (is_denser && Smaller{}(candidate, nearest)) nearest = candidate;
    const Indexed far{rows.largest[task.problem.first_row + j], j};
    if (Larger{}(far, largest)) largest = far;
  }
  nearest = best_of_lanes(nearest, Smaller{});
  largest = best_of_lanes(largest, Larger{});
  if (lane_of_warp() != 0) return;
  const double separation = nearest.index >= 0 ? nearest.value : largest.value;
  rows.score[row] = own * sqrt(separation / static_cast<double>(turn.width));
}

/// Each row's cluster, and the score of each centre. One warp per row.
__global__ void __launch_bounds__(warps_per_block* warp_size)
    join_centres(Turn turn, const double* score, DensityPeaks out) {
  const std::int64_t row = warp_of_grid();
  if (row >= turn.rows) return;
  const RowTask task(turn, row);
  const std::int32_t* centres = out.centres + task.problem.first_centre;
  Indexed own{0, -1}, nearest{0, -1};
  for (std::int32_t c = lane_of_warp(); c < task.problem.centres; c += warp_size) {
    // Centres ascend, so the lowest index of a centre is also the lowest row.
    const Indexed candidate{task.distances[centres[c]], c};
    if (centres[c] == task.index) own = candidate;
    if (Smaller{}(candidate, nearest)) nearest = candidate;
  }
  own = best_of_lanes(own, Smaller{});
  nearest = best_of_lanes(nearest, Smaller{});
  if (lane_of_warp() != 0) return;
  out.cluster[row] = own.index >= 0 ? own.index : nearest.index;
  if (own.index >= 0)
    out.centre_score[task.problem.first_centre + own.index] = static_cast<float>(score[row]);
}

/// What a turn is made of, on the host.
struct Plan {
  std::vector<Problem> problems;
  std::vector<PairGroup> groups;
  std::vector<TopKList> lists;
  std::int64_t rows = 0, entries = 0, tiles = 0, centres = 0;

  void add(const ClusterProblem& problem, std::int64_t neighbours) {
    const auto count = static_cast<std::int32_t>(problem.rows);
    problems.push_back({rows, entries, centres, count, static_cast<std::int32_t>(problem.centres),
                        static_cast<std::int32_t>(std::min(neighbours, problem.centres))});
    groups.push_back({rows, entries, tiles, count});
    lists.push_back({rows, problem.rows, problem.centres, 0, centres});
    rows += problem.rows;
    entries += problem.rows * problem.rows;
    tiles += tiles_of(problem.rows);
    centres += problem.centres;
  }
};

void run(StreamResources& resources, const float* rows, std::int64_t width, const Plan& plan,
         const DensityPeaks& out) {
  const std::span<const Problem> problems(plan.problems);
  const std::span<const PairGroup> groups(plan.groups);
  const StreamResources::DeviceScratch scratch(resources);
  const auto count = static_cast<std::int32_t>(problems.size());
  auto* distances = resources.device_array<double>(plan.entries);
  launch_pair_sums<SquaredDifference>(resources, where, rows, nullptr, width,
                                      resources.device_copy(groups), count, plan.tiles, distances);
  const Turn turn{resources.device_copy(problems), count, plan.rows, static_cast<int>(width),
                  distances};
  const RowStatistics statistics{resources.device_array<double>(plan.rows),
                                 resources.device_array<double>(plan.rows),
                                 resources.device_array<double>(plan.rows)};
  const LaunchShape warp_per_row{blocks_for(plan.rows, warps_per_block),
                                 warps_per_block * warp_size};
  launch(resources, where, &find_densities, warp_per_row, turn, statistics);
  launch(resources, where, &find_scores, warp_per_row, turn, statistics);
  top_k(resources, statistics.score, nullptr, plan.lists, out.centres);
  launch(resources, where, &join_centres, warp_per_row, turn, statistics.score, out);
}

void check_problems(StreamResources& resources, const TensorView& rows,
                    std::span<const ClusterProblem> problems, std::int64_t neighbours) {
  if (rows.rank() != 2 || rows.dtype() != DType::f32)
    throw input_error(where, concat(name(rows.dtype()), ' ', rows.shape().to_string()),
                      "rows [n,D] f32");
  require_on_device(resources, rows, where);
  std::int64_t total = 0;
  for (const auto& problem : problems) {
    if (problem.centres < 1 || problem.centres > problem.rows)
      throw input_error(where, concat(problem.centres, " centres"), concat("1 to ", problem.rows));
    total += problem.rows;
  }
  if (total != rows.size(0))
    throw input_error(where, concat(rows.size(0), " rows"),
                      concat(total, ", as the problems have"));
  if (neighbours < 1) throw input_error(where, concat(neighbours, " neighbours"), "at least 1");
}

}  // namespace

DensityPeaks density_peaks(StreamResources& resources, const TensorView& rows,
                           std::span<const ClusterProblem> problems, std::int64_t neighbours,
                           std::int64_t most_entries) {
  check_problems(resources, rows, problems, neighbours);
  std::int64_t centres = 0;
  for (const auto& problem : problems) centres += problem.centres;
  const DensityPeaks all{resources.device_array<std::int32_t>(centres),
                         resources.device_array<float>(centres),
                         resources.device_array<std::int32_t>(rows.size(0))};
  const std::int64_t width = rows.size(1);
  DensityPeaks out = all;
  const auto* next = static_cast<const float*>(rows.data());
  Plan plan;
  const auto take_turn = [&] {
    if (plan.problems.empty()) return;
    run(resources, next, width, plan, out);
    next += plan.rows * width;
    out.centres += plan.centres;
    out.centre_score += plan.centres;
    out.cluster += plan.rows;
    plan = {};
  };
  for (const auto& problem : problems) {
    if (plan.entries + problem.rows * problem.rows > most_entries) take_turn();
    plan.add(problem, neighbours);
  }
  take_turn();
  return all;
}

}  // namespace sluice::kernels::cuda
