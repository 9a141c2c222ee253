#include "kernels/max_min.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "kernels/cpu/cosine_distances.h"
#include "kernels/cpu/nearest_row.h"
#include "kernels/row_operations.h"

namespace sluice::kernels {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

/// The greedy choice. Every row's distance to its nearest selected row is known within the slack of
/// the distances.
class Selection {
 public:
  Selection(const CosineDistances& distances, MaxMinWorkspace& workspace)
      : distances_(distances), workspace_(workspace), n_(distances.size()) {
    workspace_.nearest.assign(static_cast<std::size_t>(n_), infinity);
  }

  void select_first() {
    for (std::int64_t i = 0; i < n_; ++i) {
      const float* to_others = distances_.row(i);
      workspace_.nearest[static_cast<std::size_t>(i)] =
          *std::min_element(to_others, to_others + n_);
    }
    const std::int64_t first = farthest([](std::int64_t) { return true; });
    std::fill(workspace_.nearest.begin(), workspace_.nearest.end(), infinity);
    select(first);
  }

  void select_next() {
    select(farthest([this](std::int64_t j) { return is_selected(j); }));
  }

  [[nodiscard]] bool is_selected(std::int64_t i) const noexcept {
    return workspace_.nearest[static_cast<std::size_t>(i)] == -infinity;
  }

 private:
  void select(std::int64_t row) noexcept {
    float* nearest = workspace_.nearest.data();
    const float* to_row = distances_.row(row);
    for (std::int64_t i = 0; i < n_; ++i)
      nearest[i] = nearest[i] < to_row[i] ? nearest[i] : to_row[i];
    nearest[row] = -infinity;
  }

  /// The row that is not selected whose nearest among those that `include` admits is farthest.
  template <typename Include>
  [[nodiscard]] std::int64_t farthest(Include&& include) {
    find_contenders();
    const std::vector<std::int32_t>& contenders = workspace_.order;
    if (contenders.size() == 1) return contenders.front();
    std::int64_t best = -1;
    double best_distance = -std::numeric_limits<double>::infinity();
    for (const std::int32_t i : contenders) {
      const double distance =
          nearest_row(distances_, i, [&](std::int64_t j) { return i != j && include(j); }).first;
      if (best < 0 || distance > best_distance) {
        best = i;
        best_distance = distance;
      }
    }
    return best;
  }

  /// Rows that can't be ruled out, ascending.
  void find_contenders() {
    const std::vector<float>& nearest = workspace_.nearest;
    const float limit = *std::max_element(nearest.begin(), nearest.end()) - 2 * distances_.slack();
    workspace_.order.clear();
    for (std::int64_t i = 0; i < n_; ++i)
      if (nearest[static_cast<std::size_t>(i)] >= limit && !is_selected(i))
        workspace_.order.push_back(static_cast<std::int32_t>(i));
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
  distance.reserve(size * size);
  exact.reserve(size * size);
  square.reserve(size);
  unit.reserve(size);
  nearest.reserve(size);
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
  for (std::int64_t count = 1; count < keep; ++count) {
    resources.pool().poll();
    selection.select_next();
  }
  for (std::int64_t i = 0; i < n; ++i)
    if (selection.is_selected(i)) kept.push_back(static_cast<std::int32_t>(i));
}

}  // namespace sluice::kernels
