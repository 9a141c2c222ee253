// From the inputs of a loop to a packet per tick: the tick engine, and what of each input it gets.
// The same code runs live and in a replay.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "apps/loop/input_tokens.h"
#include "apps/loop/loop_config.h"
#include "kernels/resources.h"
#include "policy/tick_engine.h"

namespace sluice::apps {

/// When a tick is, and how long the model has for it.
struct TickMoment {
  std::int64_t tick = 0;
  double clock_s = 0;  ///< since the loop began; from the log in a replay
  double deadline_ms = 0;
};

class LoopEngine {
 public:
  /// `shapes`: of the config's inputs, in their order. Throws sluice::Error for a config that can't
  /// work with them.
  LoopEngine(kernels::Resources& resources, const LoopConfig& config,
             std::span<const InputShape> shapes);

  /// `inputs`: one per input of the config, null where it has nothing to offer. An input of a later
  /// episode begins that episode. As TickEngine::step() otherwise, and fills `settings_hash`.
  [[nodiscard]] policy::TickStatus tick(const TickMoment& moment,
                                        std::span<const InputTokens* const> inputs,
                                        stream::Packet& packet);
  policy::FeedbackFate feedback(const stream::Feedback& feedback) {
    return engine_->feedback(feedback);
  }
  [[nodiscard]] const std::string& problem() const noexcept { return engine_->problem(); }
  [[nodiscard]] const policy::FeedbackCounts& feedback_counts() const noexcept {
    return engine_->feedback_counts();
  }
  /// Bytes of tokens that a packet can hold at most.
  [[nodiscard]] std::size_t most_token_bytes() const noexcept {
    return engine_->most_token_bytes();
  }
  [[nodiscard]] std::int64_t episode() const noexcept { return episode_; }
  /// As TickEngine::action_scores(), of sources()[source].
  [[nodiscard]] std::span<const float> action_scores(std::size_t source) const noexcept {
    return engine_->action_scores(source);
  }
  /// Ids of the engine's sources, in the order of a packet's batches.
  [[nodiscard]] const std::vector<std::string>& sources() const noexcept { return source_ids_; }
  [[nodiscard]] const std::string& settings_hash() const noexcept { return settings_hash_; }

 private:
  std::vector<InputShape> shapes_;
  std::vector<std::string> source_ids_;
  std::string settings_hash_;
  std::unique_ptr<policy::TickEngine> engine_;
  std::int64_t episode_ = 0;
  std::vector<policy::TickSource> tick_sources_;
};

/// FNV-1a of what was decided: tick, episode, budget, and every kept key. The same in a replay.
[[nodiscard]] std::uint64_t decision_hash(const stream::Packet& packet) noexcept;

}  // namespace sluice::apps
