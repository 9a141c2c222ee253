// The nearest of some rows, by distances that are known within bounds and exactly on demand.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

namespace sluice::kernels {

/// The smallest exact distance from row i to the rows that `include` admits, and the lowest index
/// that attains it; {∞, −1} if there is none. Internal to kernels/.
template <typename Distances, typename Include>
std::pair<double, std::int64_t> nearest_row(const Distances& distances, std::int64_t i,
                                            Include&& include) {
  double limit = std::numeric_limits<double>::infinity();
  for (std::int64_t j = 0; j < distances.size(); ++j)
    if (include(j)) limit = std::min(limit, distances.bounds(i, j).high);
  std::pair<double, std::int64_t> best{std::numeric_limits<double>::infinity(), -1};
  for (std::int64_t j = 0; j < distances.size(); ++j) {
    if (!include(j) || distances.bounds(i, j).low > limit) continue;
    const double distance = distances.exact(i, j);
    if (best.second < 0 || distance < best.first) best = {distance, j};
  }
  return best;
}

}  // namespace sluice::kernels
