// The greedy max-min filter in double precision, written from its definition.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

namespace sluice::test {

struct MaxMinOracle {
  std::vector<std::int32_t> kept;
  double margin = 1e300;  ///< smallest gap between two different values that a decision compared
};

inline MaxMinOracle max_min_oracle(const std::vector<std::vector<double>>& rows,
                                   std::int64_t keep) {
  const std::size_t n = rows.size();
  const auto dot = [&](std::size_t i, std::size_t j) {
    return std::inner_product(rows[i].begin(), rows[i].end(), rows[j].begin(), 0.0);
  };
  std::vector<std::vector<double>> distance(n, std::vector<double>(n));
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      const double norms = std::sqrt(dot(i, i) * dot(j, j));
      distance[i][j] = norms == 0 ? 1 : 1 - dot(i, j) / norms;
    }
  MaxMinOracle oracle;
  std::vector<bool> selected(n, false);
  for (std::int64_t count = 0; count < std::min(keep, static_cast<std::int64_t>(n)); ++count) {
    std::size_t best = n;
    double best_distance = -1e300, second = -1e300;
    for (std::size_t i = 0; i < n; ++i) {
      if (selected[i]) continue;
      double nearest = 1e300;
      for (std::size_t j = 0; j < n; ++j)
        if (count == 0 ? i != j : selected[j]) nearest = std::min(nearest, distance[i][j]);
      if (nearest > best_distance) {
        second = best_distance;
        best_distance = nearest;
        best = i;
      } else {
        second = std::max(second, nearest);
      }
    }
    if (second != best_distance) oracle.margin = std::min(oracle.margin, best_distance - second);
    selected[best] = true;
  }
  for (std::size_t i = 0; i < n; ++i)
    if (selected[i]) oracle.kept.push_back(static_cast<std::int32_t>(i));
  return oracle;
}

}  // namespace sluice::test
