// Plain double-precision versions of the methods, written from their definitions: what the engine
// is held against. Slow and simple on purpose.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

namespace sluice::test {

using Matrix = std::vector<std::vector<double>>;

struct OracleClusters {
  std::vector<int> centres;
  std::vector<int> cluster;  // index into centres
  double margin = 1e300;     // smallest relative gap between two values that a decision compared
};

/// Density peaks as HoliTom defines them.
inline OracleClusters density_peaks(const Matrix& rows, int centres, int neighbours) {
  const auto n = static_cast<int>(rows.size());
  const double width = static_cast<double>(rows[0].size());
  Matrix d2(rows.size(), std::vector<double>(rows.size()));
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t j = 0; j < rows.size(); ++j) {
      double sum = 0;
      for (std::size_t d = 0; d < rows[i].size(); ++d)
        sum += (rows[i][d] - rows[j][d]) * (rows[i][d] - rows[j][d]);
      d2[i][j] = sum / width;
    }
  const int k = std::min(neighbours, centres);
  std::vector<double> density(rows.size());
  double largest = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto row = d2[i];
    std::sort(row.begin(), row.end());
    largest = std::max(largest, row.back());
    density[i] = std::exp(-std::accumulate(row.begin(), row.begin() + k, 0.0) / k);
  }
  OracleClusters result;
  const auto compare = [&](double a, double b) {
    const double scale = std::max({std::abs(a), std::abs(b), 1e-300});
    if (a != b) result.margin = std::min(result.margin, std::abs(a - b) / scale);
  };
  std::vector<double> score(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    double nearest = -1;
    for (std::size_t j = 0; j < rows.size(); ++j) {
      if (i != j) compare(density[i], density[j]);
      const bool denser = density[j] > density[i] || (density[j] == density[i] && j < i);
      if (denser && (nearest < 0 || d2[i][j] < nearest)) nearest = d2[i][j];
    }
    score[i] = density[i] * std::sqrt(nearest < 0 ? largest : nearest);
  }
  std::vector<int> order(rows.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return score[static_cast<std::size_t>(a)] > score[static_cast<std::size_t>(b)];
  });
  if (centres < n)
    compare(score[static_cast<std::size_t>(order[static_cast<std::size_t>(centres - 1)])],
            score[static_cast<std::size_t>(order[static_cast<std::size_t>(centres)])]);
  result.centres.assign(order.begin(), order.begin() + centres);
  std::sort(result.centres.begin(), result.centres.end());
  result.cluster.assign(rows.size(), -1);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto own = std::find(result.centres.begin(), result.centres.end(), static_cast<int>(i));
    if (own != result.centres.end()) {
      result.cluster[i] = static_cast<int>(own - result.centres.begin());
      continue;
    }
    double nearest = -1;
    for (std::size_t c = 0; c < result.centres.size(); ++c) {
      const double distance = d2[i][static_cast<std::size_t>(result.centres[c])];
      if (nearest >= 0) compare(distance, nearest);
      if (nearest < 0 || distance < nearest) {
        nearest = distance;
        result.cluster[i] = static_cast<int>(c);
      }
    }
  }
  return result;
}

struct OracleSegmentation {
  std::vector<std::int64_t> best;  // dp per frame
  std::vector<std::pair<std::int64_t, std::int64_t>> segments;
};

/// The dynamic program of HoliTom, with G recounted for every window.
/// redundant[f][p]: position p of frame f+1 looks like that of frame f.
inline OracleSegmentation segment(const std::vector<std::vector<bool>>& redundant,
                                  std::int64_t frames, std::int64_t positions,
                                  std::int64_t max_window) {
  const auto gain = [&](std::int64_t s, std::int64_t e) {
    std::int64_t count = 0;
    for (std::int64_t p = 0; p < positions && e > s; ++p) {
      bool all = true;
      for (std::int64_t f = s; f < e; ++f)
        all = all && redundant[static_cast<std::size_t>(f)][static_cast<std::size_t>(p)];
      count += all;
    }
    return (e - s) * count;
  };
  OracleSegmentation result;
  std::vector<std::int64_t> start(static_cast<std::size_t>(frames));
  const auto best_before = [&](std::int64_t i) {
    return i == 0 ? 0 : result.best[static_cast<std::size_t>(i - 1)];
  };
  for (std::int64_t i = 0; i < frames; ++i) {
    std::int64_t best = best_before(i);
    start[static_cast<std::size_t>(i)] = i;
    for (std::int64_t w = 2; w <= std::min(i + 1, max_window); ++w) {
      const std::int64_t value = best_before(i - w + 1) + gain(i - w + 1, i);
      if (value > best) {
        best = value;
        start[static_cast<std::size_t>(i)] = i - w + 1;
      }
    }
    result.best.push_back(best);
  }
  for (std::int64_t end = frames - 1; end >= 0; end = start[static_cast<std::size_t>(end)] - 1)
    result.segments.emplace_back(start[static_cast<std::size_t>(end)], end);
  std::reverse(result.segments.begin(), result.segments.end());
  return result;
}

}  // namespace sluice::test
