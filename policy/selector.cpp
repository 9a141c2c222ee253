#include "policy/selector.h"

#include <algorithm>
#include <limits>

#include "kernels/error.h"
#include "kernels/rounding.h"
#include "kernels/top_k.h"

namespace sluice::policy {
namespace {

using stream::KeepReason;

constexpr std::uint8_t none = 255;  // no KeepReason
constexpr std::int32_t never = -1;
constexpr std::int32_t last_tick = 1;

void check_lengths(const Candidates& candidates) {
  const auto& features = candidates.features;
  if (features.rank() != 2 || !kernels::is_feature_type(features.dtype()))
    throw input_error(
        "selection",
        concat("features are ", name(features.dtype()), " ", features.shape().to_string()),
        "[N,D] of f32, f16 or bf16");
  const auto n = static_cast<std::size_t>(features.size(0));
  const auto same = [n](std::string_view what, std::size_t size) {
    if (size != n) throw input_error("selection", concat(size, ' ', what), concat(n));
  };
  same("keys", candidates.key.size());
  same("semantic scores", candidates.semantic.size());
  same("finite marks", candidates.finite.size());
  if (!candidates.action.empty()) same("action scores", candidates.action.size());
  if (!candidates.unsent_for.empty()) same("counts of ticks unsent", candidates.unsent_for.size());
  if (!candidates.novelty.empty()) same("novelties", candidates.novelty.size());
  if (!candidates.distinctness.empty()) same("distinctnesses", candidates.distinctness.size());
  if (!candidates.position.empty()) same("positions", candidates.position.size());
}

void check_positions(const Candidates& candidates) {
  const std::int64_t cells = std::int64_t{candidates.grid.rows} * candidates.grid.cols;
  for (const std::int32_t position : candidates.position)
    if (position < 0 || position >= cells)
      throw input_error("selection", concat("position ", position),
                        concat("one of a grid of ", cells));
}

void check_pinned(const Candidates& candidates, std::int64_t keep) {
  std::int32_t before = -1;
  for (const std::int32_t row : candidates.pinned) {
    if (row <= before || row >= candidates.features.size(0))
      throw input_error("selection", concat("pinned row ", row, " after ", before),
                        concat("ascending rows of ", candidates.features.size(0)));
    before = row;
  }
  if (std::ssize(candidates.pinned) > keep)
    throw input_error("selection", concat(candidates.pinned.size(), " pinned tokens"),
                      concat("no more than the ", keep, " to keep"));
}

}  // namespace

void Selector::reserve(std::int64_t n, std::int64_t width) {
  const auto size = static_cast<std::size_t>(n);
  for (auto* bytes : {&reason_, &mark_, &evident_reason_}) bytes->reserve(size);
  for (auto* rows : {&eligible_, &chosen_, &finite_rows_}) rows->reserve(size);
  for (auto* values : {&unsent_, &eligible_evidence_}) values->reserve(size);
  evidence_.reserve(n);
  reserve_scratch(n, width);
}

void Selector::select(kernels::Resources& resources, const Candidates& candidates,
                      std::int64_t keep, double refresh_share, Choice& choice) {
  check_lengths(candidates);
  check_positions(candidates);
  if (keep < 0) throw input_error("selection", concat(keep, " to keep"), "0 or more");
  if (!(refresh_share >= 0 && refresh_share <= 1))
    throw input_error("selection", concat("refresh share ", refresh_share), "0 to 1");
  const std::int64_t n = candidates.features.size(0);
  keep = std::min(keep, n);
  check_pinned(candidates, keep);

  reason_.assign(static_cast<std::size_t>(n), none);
  taken_ = 0;
  for (const std::int32_t row : candidates.pinned) take(row, KeepReason::pinned);
  if (keep < n && refreshes()) {
    const auto share = kernels::round_half_even(refresh_share * static_cast<double>(keep));
    refresh(candidates, std::min(share, keep - taken_));
  }
  find_eligible(candidates);
  if (keep - taken_ < std::ssize(eligible_)) take_evident(candidates, keep - taken_);
  const std::int64_t places = keep - taken_;
  if (places > 0 && places < std::ssize(eligible_))
    take_chosen(places, choose(resources, candidates, {eligible_, mark_}, places, chosen_));
  else
    take_rest(places);

  choice.keep.clear();
  choice.reason.clear();
  for (std::int32_t row = 0; row < n; ++row) {
    const std::uint8_t reason = reason_[static_cast<std::size_t>(row)];
    if (reason == none) continue;
    choice.keep.push_back(row);
    choice.reason.push_back(reason);
  }
}

void Selector::take(std::int32_t row, KeepReason reason) noexcept {
  reason_[static_cast<std::size_t>(row)] = static_cast<std::uint8_t>(reason);
  ++taken_;
}

void Selector::find_eligible(const Candidates& candidates) {
  mark_.assign(reason_.size(), 0);
  eligible_.clear();
  for (std::size_t row = 0; row < reason_.size(); ++row) {
    if (candidates.finite[row] == 0 || reason_[row] != none) continue;
    mark_[row] = 1;
    eligible_.push_back(static_cast<std::int32_t>(row));
  }
}

void Selector::refresh(const Candidates& candidates, std::int64_t places) {
  if (candidates.unsent_for.empty() || places <= 0) return;
  find_eligible(candidates);
  const auto ticks = [&](std::int32_t row) {
    return candidates.unsent_for[static_cast<std::size_t>(row)];
  };
  std::erase_if(eligible_,
                [&](std::int32_t row) { return ticks(row) != never && ticks(row) <= last_tick; });
  unsent_.clear();
  for (const std::int32_t row : eligible_)
    unsent_.push_back(ticks(row) == never ? std::numeric_limits<double>::infinity() : ticks(row));
  kernels::top_k(unsent_, places, chosen_);
  for (const std::int32_t index : chosen_)
    take(eligible_[static_cast<std::size_t>(index)], KeepReason::refresh);
}

/// Fills `evidence_`.
void Selector::weigh_evidence(const Candidates& candidates, const EvidenceWeights& weights) {
  finite_rows_.clear();
  for (std::size_t row = 0; row < candidates.finite.size(); ++row)
    if (candidates.finite[row] != 0) finite_rows_.push_back(static_cast<std::int32_t>(row));
  const auto add = [&](std::span<const float> level, double weight, KeepReason reason) {
    if (!level.empty()) add_level(level, finite_rows_, weight, reason, evidence_);
  };
  const bool has_action = std::any_of(candidates.action.begin(), candidates.action.end(),
                                      [](float score) { return score > 0; });
  evidence_.begin(std::ssize(finite_rows_));
  add(candidates.semantic, has_action ? 0.5 : 1.0, candidates.semantic_reason);
  if (has_action) add(candidates.action, 0.5, KeepReason::attention);
  add(candidates.novelty, weights.novelty, KeepReason::novelty);
  if (candidates.semantic_reason != KeepReason::saliency)
    add(candidates.distinctness, weights.saliency, KeepReason::saliency);
}

/// Of so many places, the share that goes to what most speaks for.
void Selector::take_evident(const Candidates& candidates, std::int64_t places) {
  const EvidenceWeights weights = evidence_weights();
  const auto share = kernels::round_half_even(weights.share * static_cast<double>(places));
  if (share <= 0) return;
  weigh_evidence(candidates, weights);
  eligible_evidence_.clear();
  evident_reason_.clear();
  for (std::size_t i = 0; i < finite_rows_.size(); ++i) {
    if (mark_[static_cast<std::size_t>(finite_rows_[i])] == 0) continue;
    eligible_evidence_.push_back(evidence_.sum[i]);
    evident_reason_.push_back(evidence_.reason[i]);
  }
  kernels::top_k(eligible_evidence_, share, chosen_);
  for (const std::int32_t index : chosen_) {
    const auto at = static_cast<std::size_t>(index);
    if (eligible_evidence_[at] > 0)
      take(eligible_[at], static_cast<KeepReason>(evident_reason_[at]));
  }
  find_eligible(candidates);
}

/// Takes `chosen_`, and doesn't trust it.
void Selector::take_chosen(std::int64_t places, KeepReason reason) {
  bool fits = std::ssize(chosen_) == places;
  for (const std::int32_t row : chosen_) {
    fits = fits && row >= 0 && row < std::ssize(mark_) && mark_[static_cast<std::size_t>(row)] != 0;
    if (!fits) break;
    mark_[static_cast<std::size_t>(row)] = 0;
    take(row, reason);
  }
  if (!fits)
    throw system_error(concat("selector ", name()), concat("chose ", chosen_.size(), " rows"),
                       concat(places, " different ones that are eligible"));
}

/// There is nothing to choose: every eligible row has a place, and what is not finite the others.
void Selector::take_rest(std::int64_t places) noexcept {
  if (places <= 0) return;
  for (const std::int32_t row : eligible_) take(row, KeepReason::everything);
  places -= std::ssize(eligible_);
  for (std::int32_t row = 0; places > 0; ++row) {
    if (reason_[static_cast<std::size_t>(row)] != none) continue;
    take(row, KeepReason::everything);
    --places;
  }
}

}  // namespace sluice::policy
