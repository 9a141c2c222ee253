#include "policy/source_state.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/error.h"
#include "kernels/rounding.h"
#include "kernels/row_operations.h"
#include "policy/fixed_rows.h"
#include "stream/fixed_shape.h"
#include "stream/json.h"

namespace sluice::policy {
namespace {

constexpr std::int64_t most_rows = 65'536;  // memory is reserved for them
constexpr std::int64_t most_width = 65'536;

void check(const TickSourceOptions& options) {
  stream::check_source_id(options.id, "tick engine");
  const auto in_range = [&](std::string_view what, std::int64_t value, std::int64_t low,
                            std::int64_t high) {
    if (value < low || value > high)
      throw input_error(concat("tick engine, source ", stream::in_quotes(options.id)),
                        concat(what, ' ', value), concat(low, " to ", high));
  };
  in_range("max_rows", options.max_rows, 1, most_rows);
  in_range("max_width", options.max_width, 1, most_width);
  in_range("floor", options.floor, 0, options.max_rows);
  if (options.cap) in_range("cap", *options.cap, 0, most_rows);
  if (options.shape) in_range("shape", *options.shape, 0, most_rows);
  if (!(options.information >= 0 && std::isfinite(options.information)))
    throw input_error(concat("tick engine, source ", stream::in_quotes(options.id)),
                      concat("information ", options.information), "0 or more");
}

/// The same attention twice is summed in the same order, so that shares are the same everywhere.
double sum(std::span<const float> values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

}  // namespace

std::int64_t most_kept(const TickSourceOptions& source, FixedShape fixed) noexcept {
  const std::int64_t most = std::min(source.max_rows, source.cap.value_or(source.max_rows));
  return fixed == FixedShape::off ? most : std::min(most, source.shape.value_or(most));
}

SourceState::SourceState(const TickSourceOptions& source, const TickEngineOptions& engine,
                         const EvidenceWeights& weights)
    : options_(source),
      window_(engine.action_history.window),
      semantic_history_(engine.semantic_history),
      action_history_(engine.action_history),
      weighs_saliency_(weights.share > 0 && weights.saliency > 0),
      novelty_options_(engine.novelty) {
  check(source);
  most_kept_ = most_kept(source, engine.fixed_shape);
  limits_ = {.rows = most_kept_, .width = source.max_width};
  if (engine.fixed_shape != FixedShape::off) {
    limits_.shape = source.shape.value_or(source.cap.value_or(source.max_rows));
    limits_.rows = *limits_.shape;
    if (engine.fixed_shape == FixedShape::hold) held_.emplace(*limits_.shape, source.max_width);
    fixed_columns_ = fixed_columns(held_.has_value());
    layout_.columns = fixed_columns_;
  }
  source_.id = source.id;
  // What is sent is among what is offered.
  semantic_history_.reserve(most_batch_rows());
  action_history_.reserve(most_batch_rows());
  sent_.reserve(source.max_rows);
  const auto n = static_cast<std::size_t>(source.max_rows);
  key_.reserve(n);
  for (auto* scores : {&semantic_, &action_, &distinctness_}) scores->reserve(n);
  finite_.reserve(n);
  unsent_for_.reserve(n);
  if (weights.share > 0 && weights.novelty > 0 && novelty_options_.on) {
    shown_.emplace(source.max_rows, source.max_width);
    for (auto* values : {&change_, &novelty_, &ordered_, &cells_}) values->reserve(n);
  }
  choice_.keep.reserve(n);
  choice_.reason.reserve(n);
}

void SourceState::take(const TickSource& input) {
  input_ = input;
  rows_ = 0;
  choice_.keep.clear();
  choice_.reason.clear();
  const bool is_there = input.tokens != nullptr;
  const auto n = static_cast<std::size_t>(is_there ? input.tokens->size() : 0);
  const auto refuse = [this](std::string_view what, std::string_view expected) {
    return input_error(concat("tick, source ", stream::in_quotes(options_.id)), what, expected);
  };
  if (is_there) {
    const stream::TokenBatch& tokens = *input.tokens;
    if (tokens.source.id != options_.id)
      throw refuse(concat("tokens of ", stream::in_quotes(tokens.source.id)), "its own");
    if (tokens.size() > options_.max_rows)
      throw refuse(concat(tokens.size(), " tokens"), concat("at most ", options_.max_rows));
    if (tokens.source.feature_width > options_.max_width || (n > 0 && tokens.features.size(1) == 0))
      throw refuse(concat("feature width ", tokens.source.feature_width),
                   concat("1 to ", options_.max_width));
    validate(tokens, "tick");
    if (has_mask(tokens)) throw refuse("rows of a fixed shape", "tokens only");
  }
  if (!input.semantic.empty() && input.semantic.size() != n)
    throw refuse(concat(input.semantic.size(), " semantic scores"), concat(n, ", one per token"));
  std::int64_t before = -1;
  for (const std::int32_t row : input.pinned) {
    if (row <= before || row >= static_cast<std::int64_t>(n))
      throw refuse(concat("pinned row ", row, " after ", before), concat("ascending, below ", n));
    before = row;
  }
  rows_ = static_cast<std::int64_t>(n);
  if (is_there) source_ = input.tokens->source;
  name_rows();
}

void SourceState::name_rows() {
  key_.clear();
  if (rows_ == 0) return;
  const stream::TokenBatch& tokens = *input_.tokens;
  if (!tokens.key.empty()) {
    key_.assign(tokens.key.begin(), tokens.key.end());
  } else if (!tokens.position.empty()) {
    key_.assign(tokens.position.begin(), tokens.position.end());
  } else {
    key_.resize(static_cast<std::size_t>(rows_));
    std::iota(key_.begin(), key_.end(), 0);
  }
}

void SourceState::score(kernels::Resources& resources) {
  const auto n = static_cast<std::size_t>(rows_);
  finite_.resize(n);
  semantic_.resize(n);
  action_.resize(n);
  unsent_for_.resize(n);
  evidence_ = {.rows = rows_, .factor = options_.information};
  if (rows_ > 0) mark_finite(resources, input_.tokens->features, finite_);
  has_semantic_ = semantic_history_.scores(key_, semantic_);
  has_action_ = action_history_.scores(key_, action_);
  has_unsent_ = sent_.unsent_for(key_, unsent_for_);
  // What all of its tokens would get, were they all sent. The sum of what was sent would give most
  // to the source that had most, and what it would get next more yet.
  const auto rows = static_cast<double>(rows_);
  evidence_.semantic_attention = rows * semantic_history_.mean_of_sent();
  evidence_.action_attention = rows * action_history_.mean_of_sent();
  if (shown_ && rows_ > 0) score_novelty(resources);
}

void SourceState::score_novelty(kernels::Resources& resources) {
  const auto n = static_cast<std::size_t>(rows_);
  change_.resize(n);
  novelty_.resize(n);
  shown_->compare(resources, input_.tokens->features, key_, finite_, change_);
  find_novelty(change_, novelty_options_.threshold, ordered_, novelty_);
  if (!novelty_options_.carries_attention) return;
  const stream::Grid grid{source_.grid_rows, source_.grid_cols};
  if (has_semantic_) carry_attention(novelty_, grid, input_.tokens->position, cells_, semantic_);
  if (has_action_) carry_attention(novelty_, grid, input_.tokens->position, cells_, action_);
}

void SourceState::score_distinctness(kernels::Resources& resources) {
  distinctness_.resize(static_cast<std::size_t>(rows_));
  if (rows_ == 0) return;
  distinctness(resources, input_.tokens->features, finite_, distinctness_);
  evidence_.distinctness = std::max(sum(distinctness_), 0.0);
}

std::int64_t SourceState::most_row_bytes() const noexcept {
  return limits_.width * std::int64_t{sizeof(float)} + most_column_bytes();
}

std::int64_t SourceState::non_finite() const noexcept {
  return std::count(finite_.begin(), finite_.end(), 0);
}

SourceClaim SourceState::claim(double information) const noexcept {
  return {.rows = rows_,
          .floor = options_.floor,
          .cap = most_kept_,
          .pinned = std::ssize(input_.pinned),
          .information = information};
}

bool SourceState::is_warming_up() const noexcept {
  return rows_ > 0 && action_history_.size() < window_;
}

std::span<const float> SourceState::semantic() const noexcept {
  if (!input_.semantic.empty()) return input_.semantic;
  return has_semantic_ ? semantic_ : distinctness_;
}

/// The share that refreshes whole tokens. Rounded tick by tick, a source with few tokens would
/// never refresh any, and what it doesn't send would be locked out.
double SourceState::refresh_now(std::int64_t keep, double refresh) noexcept {
  next_refresh_due_ = refresh_due_;
  if (keep == 0 || !has_unsent_) return 0;
  next_refresh_due_ += refresh * static_cast<double>(keep);
  const auto tokens =
      std::clamp<std::int64_t>(kernels::round_half_even(next_refresh_due_), 0, keep);
  next_refresh_due_ -= static_cast<double>(tokens);
  return static_cast<double>(tokens) / static_cast<double>(keep);
}

void SourceState::select(kernels::Resources& resources, Selector& selector, std::int64_t keep,
                         double refresh) {
  if (rows_ == 0) return;
  Candidates candidates;
  candidates.features = input_.tokens->features;
  candidates.key = key_;
  candidates.semantic = semantic();
  if (has_action_) candidates.action = action_;
  candidates.finite = finite_;
  candidates.pinned = input_.pinned;
  if (has_unsent_) candidates.unsent_for = unsent_for_;
  if (shown_) candidates.novelty = novelty_;
  candidates.grid = {source_.grid_rows, source_.grid_cols};
  candidates.position = input_.tokens->position;
  if (needs_distinctness()) candidates.distinctness = distinctness_;
  if (!has_relevance()) candidates.semantic_reason = stream::KeepReason::saliency;
  selector.select(resources, candidates, keep, refresh_now(keep, refresh), choice_);
}

void SourceState::fill(stream::TokenBatch& batch) {
  const bool is_known = limits_.shape && has_offered_;
  if (rows_ > 0)
    copy_kept_rows(*input_.tokens, key_, semantic(), choice_, limits_, batch);
  else
    set_no_rows(is_known ? last_source_ : source_, layout_.dtype, limits_, batch);
  if (!limits_.shape) return;
  RowLayout layout = rows_ > 0 ? layout_of(*input_.tokens) : layout_;
  layout.columns |= fixed_columns_;
  complete_rows(layout, std::ssize(choice_.keep), held_ ? &*held_ : nullptr, batch);
}

void SourceState::record_sent(const kernels::Resources& resources,
                              const stream::TokenBatch& batch) {
  if (rows_ == 0) return;
  sent_.record(key_, choice_.keep);
  if (shown_) shown_->record(resources, input_.tokens->features, key_, finite_, choice_.keep);
  refresh_due_ = next_refresh_due_;
  if (!limits_.shape) return;
  layout_ = layout_of(*input_.tokens);
  layout_.columns |= fixed_columns_;
  last_source_ = batch.source;
  has_offered_ = true;
  if (held_) held_->record(batch, std::ssize(choice_.keep));
}

void SourceState::learn(std::int64_t tick, std::span<const std::int64_t> keys,
                        const stream::SourceFeedback& feedback) {
  const auto push = [&](AttentionHistory& history, const std::vector<float>& attention) {
    // A tick beyond the window is none of the newest any more; it has nothing to add.
    // One on which none of its tokens was sent is none of its ticks.
    if (!attention.empty() && !keys.empty())
      (void)history.push(tick, keys, std::span(attention).first(keys.size()));
  };
  push(semantic_history_, feedback.semantic_attention);
  push(action_history_, feedback.action_attention);
}

void SourceState::reset() noexcept {
  semantic_history_.clear();
  action_history_.clear();
  sent_.clear();
  if (shown_) shown_->clear();
  if (held_) held_->clear();
  refresh_due_ = 0;
}

}  // namespace sluice::policy
