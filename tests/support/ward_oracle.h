// Ward's clustering in plain loops, for tests: every step looks at every pair of means.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace sluice::test {

struct WardCluster {
  std::vector<std::size_t> members;  // ascending
  std::vector<double> mean;
  double weight = 0;
};

/// rows [n,width]; clusters in the order of their first members.
template <typename Value>
std::vector<WardCluster> ward_oracle(std::span<const Value> rows, std::size_t width,
                                     std::span<const std::int64_t> weights, std::size_t count) {
  std::vector<WardCluster> clusters;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const auto row = rows.subspan(i * width, width);
    clusters.push_back({{i}, {row.begin(), row.end()}, static_cast<double>(weights[i])});
  }
  while (clusters.size() > count) {
    double best = std::numeric_limits<double>::infinity();
    std::size_t best_a = 0, best_b = 0;
    for (std::size_t a = 0; a < clusters.size(); ++a)
      for (std::size_t b = a + 1; b < clusters.size(); ++b) {
        const WardCluster &x = clusters[a], &y = clusters[b];
        double distance = 0;
        for (std::size_t d = 0; d < width; ++d)
          distance += (x.mean[d] - y.mean[d]) * (x.mean[d] - y.mean[d]);
        const double cost = x.weight * y.weight / (x.weight + y.weight) * distance;
        if (cost < best) best = cost, best_a = a, best_b = b;
      }
    WardCluster &x = clusters[best_a], &y = clusters[best_b];
    for (std::size_t d = 0; d < width; ++d)
      x.mean[d] = (x.mean[d] * x.weight + y.mean[d] * y.weight) / (x.weight + y.weight);
    x.weight += y.weight;
    x.members.insert(x.members.end(), y.members.begin(), y.members.end());
    std::sort(x.members.begin(), x.members.end());
    clusters.erase(clusters.begin() + static_cast<std::ptrdiff_t>(best_b));
  }
  return clusters;
}

}  // namespace sluice::test
