// One source inside the tick engine: what it remembers over ticks, and what this tick's tokens are
// worth.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "kernels/resources.h"
#include "policy/attention_history.h"
#include "policy/packet_rows.h"
#include "policy/selector.h"
#include "policy/sent_keys.h"
#include "policy/source_information.h"
#include "policy/source_shares.h"
#include "policy/tick_engine.h"
#include "stream/source.h"

namespace sluice::policy {

/// In each tick: take(); score(); score_distinctness() if it needs that, or if no source has had
/// attention yet; select(); fill(); and record_sent() once the packet is sure to leave. After
/// construction nothing is allocated but what kernels keep per thread.
class SourceState {
 public:
  SourceState(const TickSourceOptions& source, const TickEngineOptions& engine);

  /// This tick's tokens. Throws sluice::Error for a batch that contradicts itself or the options.
  void take(const TickSource& input);
  /// Looks up what is known about the tokens.
  void score(kernels::Resources& resources);
  /// How much each token stands out from the others. At most once in a tick.
  void score_distinctness(kernels::Resources& resources);
  /// Whether the tokens have no better semantic score than distinctness.
  [[nodiscard]] bool needs_distinctness() const noexcept {
    return rows() > 0 && input_.semantic.empty() && !has_semantic_;
  }

  [[nodiscard]] std::int64_t rows() const noexcept { return rows_; }
  /// Tokens that it can be given: all, or as many as its cap.
  [[nodiscard]] std::int64_t available() const noexcept { return std::min(rows_, limits_.rows); }
  /// The most that it can ever be given.
  [[nodiscard]] std::int64_t most_kept() const noexcept { return limits_.rows; }
  [[nodiscard]] std::int64_t non_finite() const noexcept;
  [[nodiscard]] const SourceEvidence& evidence() const noexcept { return evidence_; }
  [[nodiscard]] SourceClaim claim(double information) const noexcept;
  /// Whether published warm-up goes on.
  [[nodiscard]] bool is_warming_up() const noexcept;

  /// Decides on exactly `keep` tokens; on average over the ticks, the share `refresh` of them goes
  /// to what was not sent lately.
  void select(kernels::Resources& resources, Selector& selector, std::int64_t keep, double refresh);
  /// What was decided, as a batch; no rows if there are no tokens.
  void fill(stream::TokenBatch& batch) const;
  /// The packet has left.
  void record_sent();

  /// Attention on the tokens of a tick, `keys` as they were sent; none: empty. Requires values that
  /// fit them.
  void learn(std::int64_t tick, std::span<const std::int64_t> keys,
             const stream::SourceFeedback& feedback);
  [[nodiscard]] const std::string& id() const noexcept { return options_.id; }
  /// A new episode.
  void reset() noexcept;

 private:
  void name_rows();
  [[nodiscard]] double refresh_now(std::int64_t keep, double refresh) noexcept;
  [[nodiscard]] std::span<const float> semantic() const noexcept;

  TickSourceOptions options_;
  std::int64_t window_;
  RowLimits limits_;
  AttentionHistory semantic_history_, action_history_;
  SentKeys sent_;
  double refresh_due_ = 0;  ///< tokens, carried over from tick to tick

  // This tick.
  TickSource input_;
  std::int64_t rows_ = 0;
  stream::Source source_;  ///< as it last was
  std::vector<std::int64_t> key_;
  std::vector<float> semantic_, action_, distinctness_;
  std::vector<std::uint8_t> finite_;
  std::vector<std::int32_t> unsent_for_;
  double next_refresh_due_ = 0;
  bool has_semantic_ = false, has_action_ = false, has_unsent_ = false;
  SourceEvidence evidence_;
  Choice choice_;
};

}  // namespace sluice::policy
