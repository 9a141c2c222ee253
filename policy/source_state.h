// One source inside the tick engine: what it remembers over ticks, and what this tick's tokens are
// worth.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/resources.h"
#include "policy/attention_history.h"
#include "policy/held_rows.h"
#include "policy/packet_rows.h"
#include "policy/row_layout.h"
#include "policy/selector.h"
#include "policy/sent_keys.h"
#include "policy/shown_features.h"
#include "policy/source_information.h"
#include "policy/source_shares.h"
#include "policy/tick_engine.h"
#include "stream/source.h"

namespace sluice::policy {

/// The most tokens that a source can be given.
[[nodiscard]] std::int64_t most_kept(const TickSourceOptions& source, FixedShape fixed) noexcept;

/// In each tick: take(); score(); score_distinctness() if it needs that, or if no source has had
/// attention yet; select(); fill(); and record_sent() once the packet is sure to leave. After
/// construction nothing is allocated but what kernels keep per thread.
class SourceState {
 public:
  /// `weights`: of the selector that select() gets.
  SourceState(const TickSourceOptions& source, const TickEngineOptions& engine,
              const EvidenceWeights& weights);

  /// This tick's tokens. Throws sluice::Error for a batch that contradicts itself or the options.
  void take(const TickSource& input);
  /// Looks up what is known about the tokens.
  void score(kernels::Resources& resources);
  /// How much each token stands out from the others. At most once in a tick.
  void score_distinctness(kernels::Resources& resources);
  /// Whether distinctness is looked at: as evidence, or for want of a better semantic score.
  [[nodiscard]] bool needs_distinctness() const noexcept {
    return rows() > 0 && (weighs_saliency_ || !has_relevance());
  }

  [[nodiscard]] std::int64_t rows() const noexcept { return rows_; }
  /// Tokens that it can be given: all, or as many as its cap.
  [[nodiscard]] std::int64_t available() const noexcept { return std::min(rows_, most_kept_); }
  /// Rows that its batch can have at most, and their bytes with all columns.
  [[nodiscard]] std::int64_t most_batch_rows() const noexcept { return limits_.rows; }
  [[nodiscard]] std::int64_t most_row_bytes() const noexcept;
  /// Rows of a batch that was sent with so many tokens and held rows.
  [[nodiscard]] std::int64_t batch_rows(std::int64_t tokens) const noexcept {
    return limits_.shape.value_or(tokens);
  }
  [[nodiscard]] std::int64_t non_finite() const noexcept;
  /// [rows] How much the last actions looked at them; zeros if nothing is known. After score().
  [[nodiscard]] std::span<const float> action_scores() const noexcept { return action_; }
  [[nodiscard]] const SourceEvidence& evidence() const noexcept { return evidence_; }
  [[nodiscard]] SourceClaim claim(double information) const noexcept;
  /// Whether published warm-up goes on.
  [[nodiscard]] bool is_warming_up() const noexcept;

  /// Decides on exactly `keep` tokens; on average over the ticks, the share `refresh` of them goes
  /// to what was not sent lately.
  void select(kernels::Resources& resources, Selector& selector, std::int64_t keep, double refresh);
  /// What was decided, as a batch; no rows if there are no tokens, but with a fixed shape as many
  /// as always.
  void fill(stream::TokenBatch& batch);
  /// The packet has left, with `batch` as fill() made it.
  void record_sent(const kernels::Resources& resources, const stream::TokenBatch& batch);

  /// Attention on the rows of a tick, `keys` as they were sent; none: empty. There may be more
  /// rows, of padding. Requires values that fit them.
  void learn(std::int64_t tick, std::span<const std::int64_t> keys,
             const stream::SourceFeedback& feedback);
  [[nodiscard]] const std::string& id() const noexcept { return options_.id; }
  /// A new episode.
  void reset() noexcept;

 private:
  void name_rows();
  /// Whether there is a semantic score that says what matters to the instruction.
  [[nodiscard]] bool has_relevance() const noexcept {
    return !input_.semantic.empty() || has_semantic_;
  }
  void score_novelty(kernels::Resources& resources);
  [[nodiscard]] double refresh_now(std::int64_t keep, double refresh) noexcept;
  [[nodiscard]] std::span<const float> semantic() const noexcept;

  TickSourceOptions options_;
  std::int64_t window_;
  std::int64_t most_kept_;
  RowLimits limits_;
  AttentionHistory semantic_history_, action_history_;
  SentKeys sent_;
  bool weighs_saliency_;
  NoveltyOptions novelty_options_;
  std::optional<ShownFeatures> shown_;  ///< if novelty is looked for
  double refresh_due_ = 0;              ///< tokens, carried over from tick to tick

  // With a fixed shape.
  std::optional<HeldRows> held_;
  std::uint32_t fixed_columns_ = 0;
  RowLayout layout_;            ///< of the tokens that were offered last
  stream::Source last_source_;  ///< whose they were
  bool has_offered_ = false;

  // This tick.
  TickSource input_;
  std::int64_t rows_ = 0;
  stream::Source source_;  ///< as it last was
  std::vector<std::int64_t> key_;
  std::vector<float> semantic_, action_, distinctness_;
  std::vector<std::uint8_t> finite_;
  std::vector<std::int32_t> unsent_for_;
  std::vector<float> change_, novelty_;
  std::vector<float> ordered_, cells_;  ///< scratch
  double next_refresh_due_ = 0;
  bool has_semantic_ = false, has_action_ = false, has_unsent_ = false;
  SourceEvidence evidence_;
  Choice choice_;
};

}  // namespace sluice::policy
