// How long a control tick takes: feedback in, tokens chosen, packet encoded, and, if asked for, on
// its way to a model over the control link.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/bench/tick_scene.h"

namespace sluice::apps {

struct TickBenchOptions {
  TickShape shape;
  std::string selector = "vla-pruner";
  double keep = 0.25;         ///< share of all tokens
  std::int64_t ticks = 2000;  ///< that count, after those that warm up
  double rate_hz = 0;         ///< 0: back to back
  /// From a tick's time until its packet is ready. 0: the tick's period; back to back, none.
  double deadline_ms = 0;
  bool link = false;  ///< publish to a model in another thread, whose feedback comes back
  bool load = false;  ///< another core copies memory meanwhile
  int threads = 1;
};

/// Nearest rank: the smallest sample that so many don't exceed.
struct Spread {
  double p50 = 0, p99 = 0, p999 = 0, max = 0;
};
[[nodiscard]] Spread spread_of(std::vector<double> samples);

/// Milliseconds.
struct TickBenchFigures {
  Spread feedback, step, encode;  ///< parts of a tick, and publishing with `encode`
  Spread tick;                    ///< all of them: from its beginning until the packet is ready
  Spread late;                    ///< paced: how long after its time a tick began
  Spread arrival;  ///< link: from a tick's beginning until the model has decoded the packet
  std::int64_t ticks = 0;
  std::int64_t misses = 0;          ///< packets not ready by the deadline
  std::int64_t not_arrived = 0;     ///< link: packets replaced by newer ones
  std::int64_t arrival_misses = 0;  ///< link: packets that arrived after the deadline
  std::int64_t feedback_applied = 0;
  std::int64_t kept = 0;  ///< tokens in a packet
  std::int64_t packet_bytes = 0;
  /// Tokens of a camera, on average, that the diversity filter chose from more: its places.
  double by_diversity = 0;
  double deadline_ms = 0;  ///< 0: none
  bool stopped = false;    ///< before the last tick, by a signal
};

/// Runs ticks over a scene. Throws sluice::Error where a tick fails, or no model connects.
[[nodiscard]] TickBenchFigures run_tick_bench(const TickScene& scene,
                                              const TickBenchOptions& options);

}  // namespace sluice::apps
