#include "spatial3d/spatial_gate.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "kernels/error.h"
#include "kernels/top_k.h"
#include "spatial3d/gate_memory.h"
#include "spatial3d/gate_score.h"
#include "spatial3d/gate_shares.h"
#include "stream/token_batch.h"

namespace sluice::spatial3d {
namespace {

struct NamedValue {
  std::string_view name;
  double value;
};

void check_shares(std::initializer_list<NamedValue> options) {
  for (const auto& [name, value] : options)
    if (!(value >= 0 && value <= 1)) throw input_error(name, concat(value), "0 to 1");
}

void check_positive(std::initializer_list<NamedValue> options) {
  for (const auto& [name, value] : options)
    if (!(value > 0) || !std::isfinite(value))
      throw input_error(name, concat(value), "more than 0");
}

void check(const SpatialGateOptions& o) {
  double weights = 0;
  for (const auto& [name, value] :
       std::initializer_list<NamedValue>{{"surface-weight", o.surface_weight},
                                         {"relief-weight", o.relief_weight},
                                         {"elongation-weight", o.elongation_weight},
                                         {"novelty-weight", o.novelty_weight},
                                         {"recency-weight", o.recency_weight},
                                         {"views-weight", o.views_weight},
                                         {"spread-weight", o.spread_weight}}) {
    if (!(value >= 0) || !std::isfinite(value)) throw input_error(name, concat(value), "0 or more");
    weights += value;
  }
  if (!(weights > 0)) throw input_error("gate weights", "all zero", "one above 0");
  check_positive({{"voxel-size", static_cast<double>(o.voxel_size)},
                  {"surface-full", o.surface_full},
                  {"relief-full", o.relief_full},
                  {"novelty-seconds", o.novelty_seconds},
                  {"change-full", o.change_full},
                  {"recency-seconds", o.recency_seconds},
                  {"views-half", o.views_half},
                  {"attention-seconds", o.attention_seconds},
                  {"refresh-seconds", o.refresh_seconds}});
  check_shares({{"attention-weight", o.attention_weight},
                {"attention-penalty", o.attention_penalty},
                {"attention-gain", o.attention_gain},
                {"attention-spread", o.attention_spread},
                {"attention-sinks", o.attention_sinks},
                {"unseen-share", o.unseen_share},
                {"coverage-share", o.coverage_share},
                {"refresh-share", o.refresh_share},
                {"hysteresis", o.hysteresis}});
  if (!(o.elongation_none >= 0) || !(o.elongation_full > o.elongation_none) ||
      !(o.elongation_full <= 1))
    throw input_error("elongation", concat(o.elongation_none, " to ", o.elongation_full),
                      "0 to 1, the smaller first");
  if (o.unseen_share + o.coverage_share + o.refresh_share > 1)
    throw input_error("gate shares", concat(o.unseen_share + o.coverage_share + o.refresh_share),
                      "at most 1 in sum");
  if (!(o.attention_sinks < 1))
    throw input_error("attention-sinks", concat(o.attention_sinks), "0 or more and below 1");
  if (!(o.memory_seconds >= 0))
    throw input_error("memory-seconds", concat(o.memory_seconds), "0 or more");
  if (!(o.unseen_seconds >= 0))
    throw input_error("unseen-seconds", concat(o.unseen_seconds), "0 or more");
  if (o.attention_radius < 0 || o.attention_radius > 8)
    throw input_error("attention-radius", concat(o.attention_radius), "0 to 8 voxels");
  if (o.coverage_voxels < 1 || o.coverage_voxels > 1024)
    throw input_error("coverage-voxels", concat(o.coverage_voxels), "1 to 1024");
}

void check(const VoxelTable& table) {
  const std::size_t n = table.key.size();
  const auto column = [n](std::string_view name, std::size_t size, std::size_t per_row = 1) {
    if (size != n * per_row)
      throw input_error(concat("voxel table, ", name), concat(size, " entries"),
                        concat(n * per_row));
  };
  column("xyz", table.xyz.size(), 3);
  column("views", table.views.size());
  column("first_pts", table.first_pts.size());
  column("last_pts", table.last_pts.size());
  column("change", table.change.size());
  column("view_spread", table.view_spread.size());
  const auto wrong = std::adjacent_find(table.key.begin(), table.key.end(), std::greater_equal<>());
  if (wrong != table.key.end())
    throw input_error("voxel table", concat("key ", *wrong, " before ", *(wrong + 1)),
                      "ascending keys");
}

SpatialGateOptions completed(SpatialGateOptions options) {
  options.surface.voxel_size = options.voxel_size;
  check(options);
  return options;
}

stream::KeepReason reason_of(KeptBy by, stream::KeepReason scored) {
  switch (by) {
    case KeptBy::unseen:
    case KeptBy::refresh: return stream::KeepReason::refresh;
    case KeptBy::coverage: return stream::KeepReason::coverage;
    case KeptBy::score:
    case KeptBy::nothing: break;
  }
  return scored;
}

}  // namespace

struct SpatialGate::State {
  explicit State(const SpatialGateOptions& o)
      : options(completed(o)), surface(options.surface), shares(options) {}

  void score(const VoxelTable& table, double now, GateDecision& decision);
  void record(double now, GateDecision& decision, std::int64_t vanished);

  SpatialGateOptions options;
  SurfaceVariation surface;
  GateMemory memory;
  GateShares shares;
  std::int64_t last_kept = 0;
  // Per row of the last table.
  std::vector<Relevance> relevance;
  std::vector<stream::KeepReason> scored_by;
  std::vector<KeptBy> kept;
  std::vector<std::int32_t> best;
};

SpatialGate::SpatialGate(const SpatialGateOptions& options)
    : state_(std::make_unique<State>(options)) {}
SpatialGate::SpatialGate(SpatialGate&&) noexcept = default;
SpatialGate& SpatialGate::operator=(SpatialGate&&) noexcept = default;
SpatialGate::~SpatialGate() = default;

void SpatialGate::feedback(std::span<const kernels::VoxelKey> keys,
                           std::span<const float> attention) {
  if (keys.size() != attention.size())
    throw input_error("attention", concat(attention.size(), " values"),
                      concat(keys.size(), ", one per key"));
  for (const float value : attention)
    if (!(value >= 0) || !std::isfinite(value))
      throw input_error("attention", concat(value), "0 or more, and finite");
  state_->memory.attend(keys, attention, state_->options.attention_gain,
                        state_->options.attention_sinks);
}

void SpatialGate::select(const VoxelTable& table, std::int64_t budget, GateDecision& decision) {
  if (budget < 0) throw input_error("budget", concat(budget), "0 or more tokens");
  check(table);
  State& state = *state_;
  // Time never runs backwards, not even where the newest voxels were removed.
  double now = state.memory.now();
  for (const double pts : table.last_pts) now = std::max(now, pts);

  const std::int64_t vanished = state.memory.align(table.key, now, state.options.memory_seconds);
  state.surface.update(table);
  state.score(table, now, decision);
  state.shares.choose(table.key, decision.score, table.last_pts, now, budget, state.memory.rows(),
                      state.kept);
  state.record(now, decision, vanished);
}

void SpatialGate::State::score(const VoxelTable& table, double now, GateDecision& decision) {
  spread_attention(table.key, memory.rows(), now, options, relevance);
  const auto n = table.key.size();
  decision.score.resize(n);
  scored_by.resize(n);
  for (std::size_t row = 0; row < n; ++row) {
    const TokenMemory& token = memory.rows()[row];
    const TokenScore scored =
        score_token(table, row, surface.shapes()[row], relevance[row], now, options);
    // Tokens that only had their turn earn no right to stay.
    const bool stays = token.kept && token.refreshed_pts == never;
    decision.score[row] = static_cast<float>(scored.value + (stays ? options.hysteresis : 0));
    scored_by[row] = scored.reason;
  }
}

/// Writes down what was chosen, for the caller and for the next decision.
void SpatialGate::State::record(double now, GateDecision& decision, std::int64_t vanished) {
  decision.keep.clear();
  decision.reason.clear();
  decision.entered = decision.left = 0;
  for (std::size_t row = 0; row < kept.size(); ++row) {
    TokenMemory& token = memory.rows()[row];
    const bool keep = kept[row] != KeptBy::nothing;
    decision.entered += keep && !token.kept;
    decision.left += !keep && token.kept;
    token.kept = keep;
    if (!keep) continue;
    token.sent_pts = now;
    decision.keep.push_back(static_cast<std::int32_t>(row));
    decision.reason.push_back(static_cast<std::uint8_t>(reason_of(kept[row], scored_by[row])));
  }
  if (decision.keep.size() == kept.size())
    std::fill(decision.reason.begin(), decision.reason.end(),
              static_cast<std::uint8_t>(stream::KeepReason::everything));
  // Who is among the best needs no other reason.
  kernels::top_k(decision.score, static_cast<std::int64_t>(decision.keep.size()), best);
  for (std::size_t i = 0, j = 0; i < decision.keep.size() && j < best.size();) {
    if (decision.keep[i] == best[j]) {
      if (decision.keep.size() != kept.size())
        decision.reason[i] =
            static_cast<std::uint8_t>(scored_by[static_cast<std::size_t>(best[j])]);
      ++i, ++j;
    } else {
      decision.keep[i] < best[j] ? ++i : ++j;
    }
  }
  decision.vanished = vanished;
  decision.turnover =
      last_kept > 0 ? static_cast<double>(decision.left) / static_cast<double>(last_kept) : 0;
  last_kept = static_cast<std::int64_t>(decision.keep.size());
}

void SpatialGate::reset() {
  state_->surface.clear();
  state_->memory.clear();
  state_->shares.clear();
  state_->last_kept = 0;
}

}  // namespace sluice::spatial3d
