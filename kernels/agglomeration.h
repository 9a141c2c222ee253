// Agglomerative clustering by Ward's criterion (J. Am. Stat. Assoc. 58, 1963): n weighted rows
// become fewer, two at a time, always those whose mean loses the least.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/resources.h"

namespace sluice::kernels {

/// Scratch memory that is kept between calls.
struct AgglomerationWorkspace {
  std::vector<double> cost;            // [n,n] of merging i and j, for i < j
  std::vector<std::int32_t> nearest;   // [n] the j > i that is cheapest to merge with i
  std::vector<double> nearest_cost;    // [n] infinity if there is none
  std::vector<double> weight;          // [n] of the cluster whose first row is i
  std::vector<std::int32_t> absorber;  // [n] the cluster that i went into; i itself if it is one
};

/// cluster[i] in [0, clusters) says where row i went; clusters are numbered by their first rows.
/// rows [n,D] f32, all finite; weights [n] ≥ 1; 1 ≤ clusters ≤ n. Throws sluice::Error otherwise.
///
/// Starting with every row by itself, the two clusters a, b whose union increases the weighted sum
/// of squared distances to the means least are merged until `clusters` are left:
///
///   cost = w_a·w_b / (w_a + w_b) · ‖mean_a − mean_b‖²
///
/// Ties: the pair with the lowest first row, then the lowest second one. Distances between rows are
/// f64 sums in fixed order, those between clusters follow from them (Lance and Williams, Comput. J.
/// 9, 1967), so the clusters don't depend on the instruction set. Costs n²/2 distances and n² f64
/// of memory.
///
/// On the calling thread: whoever has many small sets of rows runs them side by side, each with a
/// workspace of its own.
void agglomerate(const cpu::RowKernels& kernels, std::span<const float> rows, std::int64_t width,
                 std::span<const std::int64_t> weights, std::int64_t clusters,
                 AgglomerationWorkspace& workspace, std::span<std::int32_t> cluster);

}  // namespace sluice::kernels
