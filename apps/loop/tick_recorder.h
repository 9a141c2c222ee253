// Collects a stream::TickTrace while ticks run. Private to the replay.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "apps/loop/input_tokens.h"
#include "apps/loop/loop_engine.h"
#include "stream/feedback.h"
#include "stream/tick_trace.h"

namespace sluice::apps {

class TickRecorder {
 public:
  TickRecorder(const LoopEngine& engine, std::span<const InputShape> shapes);

  /// Before the tick that it came before.
  void feedback(const stream::Feedback& feedback, policy::FeedbackFate fate);
  /// After the engine's tick().
  void tick(const TickMoment& moment, policy::TickStatus status,
            std::span<const InputTokens* const> inputs, const stream::Packet& packet);
  /// The one that was added last.
  [[nodiscard]] stream::TickTraceTick& last() { return trace_.ticks.back(); }
  /// Ends the recording.
  [[nodiscard]] stream::TickTrace take();

 private:
  void add(std::size_t index, const stream::TokenBatch* offered, const stream::TokenBatch* kept);

  const LoopEngine& engine_;
  std::vector<InputShape> shapes_;
  stream::TickTrace trace_;
};

}  // namespace sluice::apps
