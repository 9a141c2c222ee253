#include "spatial3d/stage_gate.h"

#include <algorithm>
#include <numeric>

#include "kernels/error.h"
#include "kernels/top_k.h"

namespace sluice::spatial3d {
namespace {

constexpr const char* place = "stage gate";

void require_consistent(const StageInput& input) {
  const auto n = static_cast<std::int64_t>(input.attention.size());
  if (input.span_start < 0 || input.n_in < 0 || input.span_start > n ||
      input.n_in > n - input.span_start)
    throw input_error(place, concat(input.n_in, " spatial tokens from ", input.span_start, " on"),
                      concat("a span within the ", n, " tokens that there is attention for"));
  if (input.n_out < 0 || input.n_out > input.n_in)
    throw input_error(place, concat(input.n_out, " tokens to keep"),
                      concat("0 to ", input.n_in, ", as many as come in"));
  const auto ids = input.position_ids;
  if (ids.empty()) return;
  if (ids.size() != input.attention.size())
    throw input_error(place, concat(ids.size(), " position ids"), concat("none, or ", n));
  const auto wrong = std::adjacent_find(ids.begin(), ids.end(), std::greater_equal<>());
  if (wrong != ids.end())
    throw input_error(place, concat("position id ", *(wrong + 1), " after ", *wrong),
                      "ids that strictly increase");
}

void select_in_span(const StageInput& input, std::vector<std::int64_t>& kept) {
  std::vector<std::int32_t> best;
  kernels::top_k(input.attention.subspan(static_cast<std::size_t>(input.span_start),
                                         static_cast<std::size_t>(input.n_in)),
                 input.n_out, best);
  kept.assign(best.begin(), best.end());
}

/// What is before the span, the kept part of it, what is behind it.
void keep_the_others(const StageInput& input, StageDecision& decision) {
  const auto n = static_cast<std::int64_t>(input.attention.size());
  auto& keep = decision.keep;
  keep.resize(static_cast<std::size_t>(n - input.n_in + input.n_out));
  std::iota(keep.begin(), keep.begin() + input.span_start, std::int64_t{0});
  std::transform(decision.keep_in_span.begin(), decision.keep_in_span.end(),
                 keep.begin() + input.span_start,
                 [&](std::int64_t index) { return input.span_start + index; });
  std::iota(keep.begin() + input.span_start + input.n_out, keep.end(),
            input.span_start + input.n_in);
}

void give_positions(const StageInput& input, StageDecision& decision) {
  const auto id_of = [&](std::int64_t index) {
    return input.position_ids.empty() ? index : input.position_ids[static_cast<std::size_t>(index)];
  };
  auto& ids = decision.position_ids;
  ids.resize(decision.keep.size());
  if (input.positions == PositionMode::renumbered) {
    std::iota(ids.begin(), ids.end(), std::int64_t{0});
  } else {
    std::transform(decision.keep.begin(), decision.keep.end(), ids.begin(), id_of);
  }
  if (input.positions == PositionMode::compacted)
    for (std::int64_t i = 0; i < input.n_out; ++i)
      ids[static_cast<std::size_t>(input.span_start + i)] = id_of(input.span_start + i);
  decision.decode_shift =
      input.positions == PositionMode::renumbered ? input.n_in - input.n_out : 0;
}

}  // namespace

void head_mean(std::span<const float> attention, std::int64_t heads, std::vector<double>& mean) {
  if (heads < 1 || attention.size() % static_cast<std::size_t>(heads) != 0)
    throw input_error(place, concat(attention.size(), " values of attention for ", heads, " heads"),
                      "as many for each head, and at least one head");
  const std::size_t n = attention.size() / static_cast<std::size_t>(heads);
  mean.assign(n, 0.0);
  for (; !attention.empty(); attention = attention.subspan(n))
    for (std::size_t i = 0; i < n; ++i) mean[i] += static_cast<double>(attention[i]);
  for (double& value : mean) value /= static_cast<double>(heads);
}

void gate_stage(const StageInput& input, StageDecision& decision) {
  require_consistent(input);
  select_in_span(input, decision.keep_in_span);
  keep_the_others(input, decision);
  give_positions(input, decision);
}

}  // namespace sluice::spatial3d
