// Greedy max-min diversity: the rows that are farthest from each other (VLA-Pruner, arXiv
// 2511.16449, its minimum-redundancy filter).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/resources.h"
#include "kernels/tensor.h"

namespace sluice::kernels {

/// Scratch memory that is kept between calls.
struct MaxMinWorkspace {
  std::vector<float> rows;      // [n,D] widened
  std::vector<float> distance;  // [n,n] within the slack; infinite on the diagonal
  std::vector<double> exact;    // [n,n] lower triangle; NaN where not asked for yet
  std::vector<double> square;   // [n]; NaN where not asked for yet
  std::vector<float> unit;      // [n] 1 / length, 0 where that is 0
  std::vector<float> nearest;   // [n] distance to the nearest selected row; −∞: is selected
  std::vector<std::int32_t> order;

  /// After this, calls with up to n rows of `width` allocate nothing.
  void reserve(std::int64_t n, std::int64_t width);
};

/// `keep` of the rows features[candidates[i]], as indices into `candidates`, ascending.
///
///   D_ij = 1 − cos(row_i, row_j); cos = 0 where a row is zero
///   first: the row whose nearest other row is farthest; then always the row farthest from the
///   nearest of those selected
///
/// All ties go to the lowest index. As in density_peaks(), a fast f32 product with a proven error
/// bound narrows down the candidates, and f64 distances summed in a fixed order decide what is
/// left: near-duplicates are told apart the same way everywhere.
///
/// features [N,D] of a feature type; the candidates' rows must be finite. `keep` is clamped to
/// [0, candidates]. Throws sluice::Error for other shapes or types and for candidates out of range.
void max_min(Resources& resources, const TensorView& features,
             std::span<const std::int32_t> candidates, std::int64_t keep,
             MaxMinWorkspace& workspace, std::vector<std::int32_t>& kept);

}  // namespace sluice::kernels
