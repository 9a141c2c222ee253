#include "kernels/max_min.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "kernels/cpu/cosine_distances.h"
#include "kernels/cpu/nearest_row.h"
#include "kernels/row_operations.h"

namespace sluice::kernels {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// The greedy choice, with bounds on every row's distance to its nearest selected row.
class Selection {
 public:
  Selection(const CosineDistances& distances, MaxMinWorkspace& workspace)
      : distances_(distances), workspace_(workspace), n_(distances.size()) {
    const auto size = static_cast<std::size_t>(n_);
    workspace_.selected.assign(size, 0);
    workspace_.low.assign(size, infinity);
    workspace_.high.assign(size, infinity);
  }

  void select_first() {
    for (std::int64_t i = 0; i < n_; ++i)
      for (std::int64_t j = 0; j < i; ++j) {
        tighten(i, distances_.bounds(i, j));
        tighten(j, distances_.bounds(i, j));
      }
    const std::int64_t first = farthest([this](std::int64_t i, std::int64_t j) { return i != j; });
    std::fill(workspace_.low.begin(), workspace_.low.end(), infinity);
    std::fill(workspace_.high.begin(), workspace_.high.end(), infinity);
    select(first);
  }

  void select_next() {
    select(farthest([this](std::int64_t, std::int64_t j) {
      return workspace_.selected[static_cast<std::size_t>(j)] != 0;
    }));
  }

 private:
  void tighten(std::int64_t i, const CosineDistances::Bounds& bounds) noexcept {
    double& low = workspace_.low[static_cast<std::size_t>(i)];
    double& high = workspace_.high[static_cast<std::size_t>(i)];
    low = std::min(low, bounds.low);
    high = std::min(high, bounds.high);
  }

  void select(std::int64_t row) {
    workspace_.selected[static_cast<std::size_t>(row)] = 1;
    for (std::int64_t i = 0; i < n_; ++i)
      if (workspace_.selected[static_cast<std::size_t>(i)] == 0)
        tighten(i, distances_.bounds(i, row));
  }

  /// The row that is not selected whose nearest among include(row, ·) is farthest.
  template <typename Include>
  [[nodiscard]] std::int64_t farthest(Include&& include) {
    double limit = -infinity;
    for (std::int64_t i = 0; i < n_; ++i)
      if (workspace_.selected[static_cast<std::size_t>(i)] == 0)
        limit = std::max(limit, workspace_.low[static_cast<std::size_t>(i)]);
    std::vector<std::int32_t>& contenders = workspace_.order;
    contenders.clear();
    for (std::int64_t i = 0; i < n_; ++i)
      if (workspace_.selected[static_cast<std::size_t>(i)] == 0 &&
          workspace_.high[static_cast<std::size_t>(i)] >= limit)
        contenders.push_back(static_cast<std::int32_t>(i));
    if (contenders.size() == 1) return contenders.front();
    std::int64_t best = -1;
    double best_distance = -infinity;
    for (const std::int32_t i : contenders) {
      const auto at = static_cast<std::size_t>(i);
      double distance = workspace_.low[at];
      if (workspace_.low[at] != workspace_.high[at]) {
        distance = nearest_row(distances_, i, [&](std::int64_t j) { return include(i, j); }).first;
        workspace_.low[at] = workspace_.high[at] = distance;
      }
      if (best < 0 || distance > best_distance) {
        best = i;
        best_distance = distance;
      }
    }
    return best;
  }

  const CosineDistances& distances_;
  MaxMinWorkspace& workspace_;
  std::int64_t n_;
};

void check(const TensorView& features, std::span<const std::int32_t> candidates) {
  if (features.rank() != 2 || !is_feature_type(features.dtype()))
    throw input_error(
        "max-min",
        concat("features are ", name(features.dtype()), " ", features.shape().to_string()),
        "[N,D] of f32, f16 or bf16");
  for (const std::int32_t row : candidates)
    if (row < 0 || row >= features.size(0))
      throw input_error("max-min", concat("candidate ", row),
                        concat("a row of ", features.size(0)));
}

}  // namespace

void MaxMinWorkspace::reserve(std::int64_t n, std::int64_t width) {
  const auto size = static_cast<std::size_t>(n);
  rows.reserve(size * static_cast<std::size_t>(width));
  gram.reserve(size * size);
  exact.reserve(size * size);
  square.reserve(size);
  low.reserve(size);
  high.reserve(size);
  selected.reserve(size);
  order.reserve(size);
}

void max_min(Resources& resources, const TensorView& features,
             std::span<const std::int32_t> candidates, std::int64_t keep,
             MaxMinWorkspace& workspace, std::vector<std::int32_t>& kept) {
  check(features, candidates);
  const auto n = static_cast<std::int64_t>(candidates.size());
  keep = std::clamp<std::int64_t>(keep, 0, n);
  kept.clear();
  if (keep == n || keep == 0) {
    kept.resize(static_cast<std::size_t>(keep));
    std::iota(kept.begin(), kept.end(), 0);
    return;
  }
  const std::int64_t width = features.size(1);
  workspace.rows.resize(static_cast<std::size_t>(n * width));
  gather_rows(resources, features, candidates, workspace.rows);
  const CosineDistances distances(resources, n, width, workspace);
  Selection selection(distances, workspace);
  selection.select_first();
  for (std::int64_t count = 1; count < keep; ++count) selection.select_next();
  for (std::int64_t i = 0; i < n; ++i)
    if (workspace.selected[static_cast<std::size_t>(i)] != 0)
      kept.push_back(static_cast<std::int32_t>(i));
}

}  // namespace sluice::kernels
