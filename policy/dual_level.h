// VLA-Pruner's selection: what the instruction looks at, united with what recent actions looked at,
// thinned out to an exact number of tokens that differ from each other (arXiv 2511.16449).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/max_min.h"
#include "kernels/resources.h"
#include "kernels/tensor.h"

namespace sluice::policy {

/// Scratch memory that is kept between calls.
struct DualLevelWorkspace {
  kernels::MaxMinWorkspace max_min;
  std::vector<float> semantic, action;  // [eligible], of the rows that may be chosen
  std::vector<std::int32_t> eligible, top_semantic, top_action, united, filtered;

  /// After this, calls with up to n tokens of `width` allocate nothing.
  void reserve(std::int64_t n, std::int64_t width);
};

/// Exactly min(keep, N) rows, ascending:
///
///   C = top_keep(semantic) ∪ top_keep(action);  C if it is small enough, else max_min(C, keep)
///
/// features [N,D]; semantic [N]; action [N], or empty (or all zero) if there is no history yet:
/// then semantic decides alone. Rows with NaN or infinity among their features, `finite`[i] = 0,
/// are taken only when nothing else is left. NaN scores rank last, ties go to the lowest index.
/// Throws sluice::Error for lengths that don't fit or a negative number to keep.
void select_dual_level(kernels::Resources& resources, const kernels::TensorView& features,
                       std::span<const float> semantic, std::span<const float> action,
                       std::span<const std::uint8_t> finite, std::int64_t keep,
                       DualLevelWorkspace& workspace, std::vector<std::int32_t>& kept);

}  // namespace sluice::policy
