#include "policy/dual_level.h"

#include <algorithm>
#include <iterator>

#include "kernels/error.h"
#include "kernels/top_k.h"

namespace sluice::policy {
namespace {

void check(const kernels::TensorView& features, std::span<const float> semantic,
           std::span<const float> action, std::span<const std::uint8_t> finite, std::int64_t keep) {
  if (features.rank() != 2 || !kernels::is_feature_type(features.dtype()))
    throw input_error(
        "selection",
        concat("features are ", name(features.dtype()), " ", features.shape().to_string()),
        "[N,D] of f32, f16 or bf16");
  const auto n = static_cast<std::size_t>(features.size(0));
  const auto same = [n](std::string_view what, std::size_t size) {
    if (size != n) throw input_error("selection", concat(size, ' ', what), concat(n));
  };
  same("semantic scores", semantic.size());
  if (!action.empty()) same("action scores", action.size());
  same("finite marks", finite.size());
  if (keep < 0) throw input_error("selection", concat(keep, " to keep"), "0 or more");
}

/// The scores of the eligible rows.
void gather(std::span<const float> scores, const std::vector<std::int32_t>& eligible,
            std::vector<float>& gathered) {
  gathered.clear();
  for (const auto row : eligible) gathered.push_back(scores[static_cast<std::size_t>(row)]);
}

/// Rows that are not finite fill up what is left, in ascending order.
void fill_up(std::span<const std::uint8_t> finite, std::int64_t keep,
             std::vector<std::int32_t>& kept) {
  for (std::size_t row = 0; row < finite.size(); ++row) {
    if (static_cast<std::int64_t>(kept.size()) == keep) break;
    if (finite[row] == 0) kept.push_back(static_cast<std::int32_t>(row));
  }
  std::sort(kept.begin(), kept.end());
}

}  // namespace

void DualLevelWorkspace::reserve(std::int64_t n, std::int64_t width) {
  max_min.reserve(n, width);
  const auto size = static_cast<std::size_t>(n);
  semantic.reserve(size);
  action.reserve(size);
  for (auto* list : {&eligible, &top_semantic, &top_action, &filtered}) list->reserve(size);
  united.reserve(2 * size);
}

void select_dual_level(kernels::Resources& resources, const kernels::TensorView& features,
                       std::span<const float> semantic, std::span<const float> action,
                       std::span<const std::uint8_t> finite, std::int64_t keep,
                       DualLevelWorkspace& workspace, std::vector<std::int32_t>& kept) {
  check(features, semantic, action, finite, keep);
  keep = std::min(keep, features.size(0));
  auto& eligible = workspace.eligible;
  eligible.clear();
  for (std::size_t row = 0; row < finite.size(); ++row)
    if (finite[row] != 0) eligible.push_back(static_cast<std::int32_t>(row));
  kept.clear();
  if (static_cast<std::int64_t>(eligible.size()) <= keep) {
    kept = eligible;
    fill_up(finite, keep, kept);
    return;
  }

  gather(semantic, eligible, workspace.semantic);
  kernels::top_k(workspace.semantic, keep, workspace.top_semantic);
  auto& united = workspace.united;
  const bool has_history =
      std::any_of(action.begin(), action.end(), [](float score) { return score != 0; });
  if (has_history) {
    gather(action, eligible, workspace.action);
    kernels::top_k(workspace.action, keep, workspace.top_action);
    united.clear();
    std::set_union(workspace.top_semantic.begin(), workspace.top_semantic.end(),
                   workspace.top_action.begin(), workspace.top_action.end(),
                   std::back_inserter(united));
  } else {
    united = workspace.top_semantic;
  }
  for (auto& index : united) index = eligible[static_cast<std::size_t>(index)];
  kernels::max_min(resources, features, united, keep, workspace.max_min, workspace.filtered);
  for (const auto index : workspace.filtered)
    kept.push_back(united[static_cast<std::size_t>(index)]);
}

}  // namespace sluice::policy
