#include "apps/loop/tick_recorder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace sluice::apps {
namespace {

using stream::TickTraceSource;
using stream::TokenBatch;

/// Where a token lies in its grid; −1: nowhere.
std::int32_t position_of(const TokenBatch& batch, std::size_t row) noexcept {
  return row < batch.position.size() ? batch.position[row] : -1;
}

/// Whether a row was chosen in this tick: with a fixed shape there are others.
bool is_chosen(const TokenBatch& batch, std::size_t row) noexcept {
  return (batch.valid.empty() || batch.valid[row] != 0) &&
         (batch.held.empty() || batch.held[row] == 0);
}

void add_kept(const TokenBatch& batch, TickTraceSource& source) {
  for (std::size_t row = 0; row < batch.key.size(); ++row) {
    if (!is_chosen(batch, row)) continue;
    source.key.push_back(batch.key[row]);
    source.position.push_back(position_of(batch, row));
    source.reason.push_back(row < batch.reason.size() ? batch.reason[row] : 0);
    source.score.push_back(row < batch.score.size() ? batch.score[row] : 0.0F);
  }
}

/// The tick's row of source.action: `scores` of the tokens of `offered`.
void add_action(const TokenBatch* offered, std::span<const float> scores, std::size_t ticks_before,
                TickTraceSource& source) {
  constexpr float nothing = std::numeric_limits<float>::quiet_NaN();
  const auto positions = static_cast<std::size_t>(source.source.positions());
  // The grid is known from the first tokens on: ticks before them had none.
  source.action.resize((ticks_before + 1) * positions, nothing);
  if (offered == nullptr) return;
  float* const row_of_tick = source.action.data() + ticks_before * positions;
  for (std::size_t row = 0; row < scores.size(); ++row) {
    const std::int32_t position = position_of(*offered, row);
    if (position < 0 || static_cast<std::size_t>(position) >= positions) continue;
    float& value = row_of_tick[position];
    value = std::isnan(value) ? scores[row] : std::max(value, scores[row]);
  }
}

}  // namespace

TickRecorder::TickRecorder(const LoopEngine& engine, std::span<const InputShape> shapes)
    : engine_(engine), shapes_(shapes.begin(), shapes.end()) {
  for (const std::string& id : engine.sources()) {
    TickTraceSource& source = trace_.sources.emplace_back();
    source.source.id = id;
    source.first_kept.push_back(0);
  }
}

void TickRecorder::feedback(const stream::Feedback& feedback, policy::FeedbackFate fate) {
  trace_.feedback.push_back({.before = std::ssize(trace_.ticks),
                             .tick = feedback.tick,
                             .fate = static_cast<std::uint8_t>(fate),
                             .model_latency_ms = feedback.model_latency_ms});
}

void TickRecorder::tick(const TickMoment& moment, policy::TickStatus status,
                        std::span<const InputTokens* const> inputs, const stream::Packet& packet) {
  const bool is_sent = status == policy::TickStatus::ok || status == policy::TickStatus::no_tokens;
  std::size_t next = 0;
  const auto add_source = [&](const TokenBatch* offered) {
    const bool is_there = offered != nullptr && offered->size() > 0;
    add(next, is_sent && is_there ? offered : nullptr, is_sent ? &packet.batches[next] : nullptr);
    ++next;
  };
  for (std::size_t i = 0; i < shapes_.size(); ++i) {
    const InputTokens* input = inputs[i];
    if (shapes_[i].rows > 0) add_source(input ? &input->camera : nullptr);
    if (shapes_[i].has_memory) add_source(input ? &input->memory : nullptr);
    if (shapes_[i].has_voxels) add_source(input ? &input->voxels : nullptr);
  }
  stream::TickTraceTick tick;
  tick.tick = moment.tick;
  tick.episode = engine_.episode();
  tick.clock_s = moment.clock_s;
  tick.deadline_ms = moment.deadline_ms;
  tick.status = static_cast<std::uint8_t>(status);
  tick.budget = packet.budget;
  tick.available = packet.available;
  tick.kept = packet.kept;
  tick.sequence = is_sent ? packet.sequence : -1;
  trace_.ticks.push_back(tick);
  trace_.non_finite = packet.totals.non_finite;
}

void TickRecorder::add(std::size_t index, const TokenBatch* offered, const TokenBatch* kept) {
  TickTraceSource& source = trace_.sources[index];
  if (source.source.positions() == 0 && offered != nullptr) {
    source.source = offered->source;
    source.source.pose.reset();  // a moving camera has many
  }
  source.offered.push_back(offered != nullptr ? offered->size() : 0);
  if (kept != nullptr) add_kept(*kept, source);
  source.first_kept.push_back(std::ssize(source.key));
  if (source.source.positions() > 0)
    add_action(offered,
               offered != nullptr ? engine_.action_scores(index) : std::span<const float>{},
               trace_.ticks.size(), source);
}

stream::TickTrace TickRecorder::take() {
  trace_.unanswered = engine_.feedback_counts().unanswered;
  return std::move(trace_);
}

}  // namespace sluice::apps
