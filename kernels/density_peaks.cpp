#include "kernels/density_peaks.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/cpu/nearest_row.h"
#include "kernels/cpu/pairwise_distances.h"
#include "kernels/exponential.h"
#include "kernels/top_k.h"

namespace sluice::kernels {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Mean of the k smallest squared distances in row i, the row itself included.
double mean_of_nearest(const PairwiseDistances& distances, std::int64_t i, std::int64_t k,
                       std::vector<double>& scratch) {
  const auto kth_smallest = [k](std::vector<double>& values) {
    std::nth_element(values.begin(), values.begin() + (k - 1), values.end());
    return values[static_cast<std::size_t>(k - 1)];
  };
  scratch.clear();
  for (std::int64_t j = 0; j < distances.size(); ++j)
    scratch.push_back(distances.bounds(i, j).high);
  const double limit = kth_smallest(scratch);
  scratch.clear();
  for (std::int64_t j = 0; j < distances.size(); ++j)
    if (distances.bounds(i, j).low <= limit) scratch.push_back(distances.exact(i, j));
  kth_smallest(scratch);
  // Ascending order makes the sum independent of how many candidates there were.
  std::sort(scratch.begin(), scratch.begin() + k);
  double sum = 0;
  for (std::int64_t neighbour = 0; neighbour < k; ++neighbour)
    sum += scratch[static_cast<std::size_t>(neighbour)];
  return sum / static_cast<double>(k);
}

/// The largest squared distance between any two rows.
double largest_distance(const PairwiseDistances& distances) {
  double limit = 0;
  for (std::int64_t i = 0; i < distances.size(); ++i)
    for (std::int64_t j = 0; j < i; ++j) limit = std::max(limit, distances.bounds(i, j).low);
  double largest = 0;
  for (std::int64_t i = 0; i < distances.size(); ++i)
    for (std::int64_t j = 0; j < i; ++j)
      if (distances.bounds(i, j).high >= limit) largest = std::max(largest, distances.exact(i, j));
  return largest;
}

}  // namespace

void density_peaks(Resources& resources, const TensorView& rows, std::int64_t centres,
                   std::int64_t neighbours, DensityPeaksWorkspace& workspace, DensityPeaks& peaks) {
  if (rows.rank() != 2)
    throw input_error("density peaks", concat("rows of shape ", rows.shape().to_string()),
                      "[n, D]");
  const std::int64_t n = rows.size(0);
  const std::int64_t width = rows.size(1);
  if (centres < 1 || centres > n)
    throw input_error("density peaks", concat(centres, " centres"), concat("1 to ", n));
  if (neighbours < 1)
    throw input_error("density peaks", concat(neighbours, " neighbours"), "at least 1");
  const std::int64_t k = std::min(neighbours, centres);
  const auto size = static_cast<std::size_t>(n);

  const PairwiseDistances distances(resources, rows.as<float>().data(), n, width,
                                    workspace.distances);
  workspace.density.resize(size);
  workspace.separation.resize(size);
  workspace.score.resize(size);
  ThreadPool& pool = resources.pool();
  pool.parallel_for(n, [&](std::int64_t i, int) {
    thread_local std::vector<double> scratch;
    const double mean = mean_of_nearest(distances, i, k, scratch) / static_cast<double>(width);
    workspace.density[static_cast<std::size_t>(i)] = exponential(-mean);
  });

  const auto& density = workspace.density;
  const auto denser = [&density](std::int64_t j, std::int64_t i) {
    const double a = density[static_cast<std::size_t>(j)];
    const double b = density[static_cast<std::size_t>(i)];
    return a > b || (a == b && j < i);
  };
  pool.parallel_for(n, [&](std::int64_t i, int) {
    const auto [distance, j] =
        nearest_row(distances, i, [&](std::int64_t other) { return denser(other, i); });
    workspace.separation[static_cast<std::size_t>(i)] = distance;
  });
  for (std::size_t i = 0; i < size; ++i) {
    double& separation = workspace.separation[i];
    // Exactly one row has nothing denser.
    if (separation == infinity) separation = largest_distance(distances);
    separation = std::sqrt(separation / static_cast<double>(width));
    workspace.score[i] = density[i] * separation;
  }

  top_k(workspace.score, centres, peaks.centres);
  peaks.centre_score.resize(peaks.centres.size());
  workspace.is_centre.assign(size, 0);
  peaks.cluster.assign(size, -1);
  for (std::size_t c = 0; c < peaks.centres.size(); ++c) {
    const auto row = static_cast<std::size_t>(peaks.centres[c]);
    peaks.centre_score[c] = static_cast<float>(workspace.score[row]);
    workspace.is_centre[row] = 1;
    peaks.cluster[row] = static_cast<std::int32_t>(c);
  }
  pool.parallel_for(n, [&](std::int64_t i, int) {
    if (workspace.is_centre[static_cast<std::size_t>(i)] != 0) return;
    const auto [distance, centre] = nearest_row(distances, i, [&](std::int64_t j) {
      return workspace.is_centre[static_cast<std::size_t>(j)] != 0;
    });
    const auto index = std::lower_bound(peaks.centres.begin(), peaks.centres.end(), centre);
    peaks.cluster[static_cast<std::size_t>(i)] =
        static_cast<std::int32_t>(index - peaks.centres.begin());
  });
}

}  // namespace sluice::kernels
