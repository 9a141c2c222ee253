// Density-peak clustering with k nearest neighbours (DPC-KNN), as HoliTom merges static tokens
// (arXiv 2505.21334, §3.3), without its random tie-breaking noise.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/resources.h"
#include "kernels/tensor.h"

namespace sluice::kernels {

struct DensityPeaks {
  std::vector<std::int32_t> centres;  ///< [C] row numbers, ascending
  std::vector<float> centre_score;    ///< [C] density times distance to the next denser row
  std::vector<std::int32_t> cluster;  ///< [n] index into `centres`; a centre is in its own
};

/// Squared distances between rows.
struct PairwiseWorkspace {
  std::vector<float> gram;    // [n,n]
  std::vector<double> exact;  // [n,n]
};

/// Scratch memory that is kept between calls.
struct DensityPeaksWorkspace {
  PairwiseWorkspace distances;
  std::vector<double> density;     // [n]
  std::vector<double> separation;  // [n] δ
  std::vector<double> score;       // [n]
  std::vector<std::int32_t> chosen;
  std::vector<std::uint8_t> is_centre;
};

/// rows [n,D] f32, all finite; 1 ≤ centres ≤ n; neighbours ≥ 1 (clamped to `centres`).
///
///   d_ij = ‖row_i − row_j‖/√D;   ρ_i = exp(−mean of the k smallest d_ij², d_ii included)
///   δ_i = min{d_ij : j denser than i}, or max d where no row is denser; centres = top of ρ·δ
///   others join the centre with the smallest d
///
/// Row j is denser than i if ρ_j > ρ_i, or if they are equal and j < i. All ties go to the lowest
/// index. A fast f32 product with a proven error bound only narrows down the candidates; what is
/// left is decided by f64 distances summed in a fixed order, so clusters depend neither on the
/// instruction set nor on the number of threads.
void density_peaks(Resources& resources, const TensorView& rows, std::int64_t centres,
                   std::int64_t neighbours, DensityPeaksWorkspace& workspace, DensityPeaks& peaks);

}  // namespace sluice::kernels
