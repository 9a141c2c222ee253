// One control tick: the newest tokens of every source in, a packet within a hard budget out
// (VLA-Pruner, arXiv 2511.16449, made causal and exact).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/resources.h"
#include "policy/attention_history.h"
#include "policy/budget_controller.h"
#include "policy/feedback_ledger.h"
#include "policy/novelty.h"
#include "policy/selector.h"
#include "stream/feedback.h"
#include "stream/packet.h"
#include "stream/token_batch.h"

namespace sluice::policy {

/// Where a source's semantic score comes from, first that is there: the caller, feedback, features.
struct TickSourceOptions {
  std::string id = "camera";             ///< of its batches, unique
  std::int64_t floor = 0;                ///< tokens it gets at least
  std::optional<std::int64_t> cap = {};  ///< tokens it gets at most
  double information = 1.0;  ///< factor on its claim to the budget (source_information.h)
  /// With a fixed shape: rows that its batch always has, and a cap on what it gets; default: `cap`,
  /// else `max_rows`.
  std::optional<std::int64_t> shape = {};
  std::int64_t max_rows = 1024;   ///< tokens it offers at most; memory is reserved for them
  std::int64_t max_width = 4096;  ///< their width at most
};

/// For servers that need the same number of tokens every time. Every packet that is sent then has
/// batches of `shape` rows each, with the same columns, feature width and type as long as the
/// source's own stay what they are; also of a source that offers nothing. Before a source has had
/// any token, its columns and type are not known: its batch is padding of f32, as wide as its
/// (empty) batch said or else 0, with `key`, `score`, `reason`, `valid` (and `held`) only.
enum class FixedShape : std::uint8_t {
  off,   ///< a batch has as many rows as were chosen
  pad,   ///< every batch has `shape` rows: what is missing is zeros, marked in `valid`
  hold,  ///< before padding, what is missing is what was sent last of other keys, marked in `held`
};

struct TickEngineOptions {
  std::string stream = "sluice";
  std::vector<TickSourceOptions> sources;
  std::string selector = "vla-pruner";
  SelectorOptions selector_options;
  AttentionHistoryOptions action_history;
  AttentionHistoryOptions semantic_history;
  BudgetOptions budget;
  /// Of each source's tokens, on average over the ticks, for what was not sent lately; and of the
  /// budget, for sources by their number of tokens (source_information.h).
  double refresh_share = 0.10;
  NoveltyOptions novelty;        ///< what changed counts, attended or not
  std::int64_t stale_after = 8;  ///< ticks after which feedback is not applied any more
  /// Until the action history of every source that has tokens is full, everything is sent (up to
  /// the caps): the budget is what is available. As published; lasts as long as no feedback comes.
  bool published_warm_up = false;
  FixedShape fixed_shape = FixedShape::off;
};

/// One source's newest tokens. The batch must stay as it is until step() returns. Without keys,
/// positions are the keys; without positions, row numbers.
struct TickSource {
  /// Null: nothing new from this source, and nothing is sent of it.
  const stream::TokenBatch* tokens = nullptr;
  std::span<const float> semantic = {};       ///< [N] from the caller, or empty
  std::span<const std::int32_t> pinned = {};  ///< rows that must be sent, ascending
};

struct TickInputs {
  std::int64_t tick = 0;                     ///< grows within an episode
  double clock_s = 0;                        ///< tick clock, for motion; not wall time in a replay
  std::span<const TickSource> sources = {};  ///< one per source of the options, in their order
};

enum class TickStatus : std::uint8_t {
  ok = 0,
  no_tokens = 1,    ///< no source had any; the packet is empty and valid
  bad_input = 2,    ///< a batch contradicts itself; see TickEngine::problem()
  over_budget = 3,  ///< floors and pinned tokens exceed this tick's budget
  old_tick = 4,     ///< not after the last one
  failed = 5,       ///< out of memory, or a mistake of ours; see TickEngine::problem()
};

/// Not thread-safe: step(), feedback() and reset() are called on one thread.
class TickEngine {
 public:
  /// Reserves everything. Throws sluice::Error for options out of range, and for floors that
  /// exceed the least budget that the controller may decide on.
  TickEngine(kernels::Resources& resources, const TickEngineOptions& options);
  ~TickEngine();

  /// Exactly min(budget, available) tokens, available = Σ min(cap, rows). `deadline` is the time
  /// that the model has, for the budget controller; ≤ 0: none.
  ///
  /// Fills `packet`, reusing its memory: after warm-up no allocation, no lock that others hold, no
  /// blocking call, no exception. It holds one batch per source, in the order of the options;
  /// `settings_hash` and `sent_unix_ns` are left to the caller. On any status but ok and no_tokens
  /// the packet has no tokens and must not be sent: nothing of the tick is remembered but
  /// totals.skipped_input (and, over budget, that the controller decided).
  [[nodiscard]] TickStatus step(const TickInputs& inputs, std::chrono::nanoseconds deadline,
                                stream::Packet& packet);
  /// What went wrong in the last step that was not ok. For people.
  [[nodiscard]] const std::string& problem() const noexcept;
  /// Of feedback that is too late, only the model's latency is learned. Late feedback, and what
  /// can't belong to its packet, is counted and not applied. Attention is on all rows of a batch;
  /// with a fixed shape, what it says of padding means nothing, and of a held row it counts for the
  /// row's key.
  FeedbackFate feedback(const stream::Feedback& feedback);
  /// A new episode: history, ledger and what was sent (to be held, too) are forgotten; tick numbers
  /// begin again.
  /// Totals, counts and what was learned about the model's latency go on.
  void reset(std::int64_t episode);
  [[nodiscard]] const FeedbackCounts& feedback_counts() const noexcept;
  /// Of features and columns, that a packet can have at most: to reserve memory for its encoding.
  [[nodiscard]] std::size_t most_token_bytes() const noexcept;
  /// For tools: how much the last actions looked at each token that a source offered in the last
  /// step, [N] in its order; zeros where nothing is known. Valid until the next step().
  [[nodiscard]] std::span<const float> action_scores(std::size_t source) const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::policy
