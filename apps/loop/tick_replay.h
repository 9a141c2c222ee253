// The ticks of a loop, run again: those of a log exactly as they were, or those that a loop over a
// recording would have had. The same code as live, without a clock: the same input gives the same
// packets, byte for byte.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <span>
#include <string>

#include "apps/loop/loop_config.h"
#include "apps/loop/tick_log.h"
#include "stream/packet.h"
#include "stream/tick_trace.h"

namespace sluice::apps {

struct TickReplaySettings {
  std::string input;  ///< as the user named it
  int threads = 0;
  /// Called after each tick; `blob` is the packet as it would have been sent, or empty if the tick
  /// made none.
  std::function<void(const stream::Packet& packet, std::span<const std::byte> blob)> on_tick;
};

struct TickReplay {
  stream::TickTrace trace;
  std::int64_t compared = 0;   ///< ticks that the log has a decision of
  std::int64_t different = 0;  ///< of them, those that came out otherwise
  std::string difference;      ///< the first of them, for people
  std::exception_ptr error;    ///< what ended the run early, if anything did; the rest is complete
  bool stopped = false;        ///< ended early by Ctrl-C: what was run until then is complete
};

/// Every tick of `log`, in its order: the same frames of the inputs, which are opened again or come
/// from the log, the same feedback before it, the same clock and deadline. `config`: what
/// log.config() says. Throws sluice::Error for an input that can't be opened, naming it and the
/// log.
[[nodiscard]] TickReplay replay_log(TickLogReader& log, const LoopConfig& config,
                                    const TickReplaySettings& settings,
                                    const std::atomic<bool>& stop);

/// Tick t at t / rate, each input's newest frame with a time stamp up to then, no feedback. Ends
/// with config.ticks, or with the tick that is offered the last frame of the last input. Recordings
/// are read once, whatever `repeat` says. Throws sluice::Error for inputs that can't be opened, and
/// for live ones.
[[nodiscard]] TickReplay replay_recording(const LoopConfig& config,
                                          const TickReplaySettings& settings,
                                          const std::atomic<bool>& stop);

}  // namespace sluice::apps
