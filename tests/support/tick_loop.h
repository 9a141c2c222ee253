// Two small cameras in front of a tick engine.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "policy/tick_engine.h"
#include "tests/support/random_ticks.h"

namespace sluice::test {

inline constexpr std::int64_t loop_width = 16;

inline policy::TickEngineOptions two_cameras(std::int64_t tokens) {
  policy::TickEngineOptions options;
  options.budget.tokens = tokens;
  for (const auto* id : {"front", "wrist"})
    options.sources.push_back({.id = id, .max_rows = 64, .max_width = loop_width});
  return options;
}

/// Two cameras of 6 × 6 tokens in front of an engine.
struct TickLoop {
  explicit TickLoop(const policy::TickEngineOptions& options, int threads = 1,
                    std::uint64_t seed = 1)
      : random(seed), resources(threads), engine(resources, options) {
    renew();
  }

  void renew() {
    front = camera_tokens(random, "front", 6, 6, loop_width);
    wrist = camera_tokens(random, "wrist", 6, 6, loop_width);
    sources = {{.tokens = &front}, {.tokens = &wrist}};
  }
  policy::TickStatus step(std::int64_t tick,
                          std::chrono::nanoseconds deadline = std::chrono::milliseconds(10)) {
    return engine.step({tick, 0.1 * static_cast<double>(tick), sources}, deadline, packet);
  }
  [[nodiscard]] bool keeps(std::size_t source, std::int64_t key) const {
    return std::ranges::count(packet.batches[source].key, key) == 1;
  }

  Random random;
  kernels::Resources resources;
  policy::TickEngine engine;
  stream::TokenBatch front, wrist;
  std::vector<policy::TickSource> sources;
  stream::Packet packet;
};

/// The model looks at tokens 3, 4 and 5 of the front camera, whatever else it gets.
inline float attention_on_front(const std::string& source, std::int64_t key) {
  return source == "front" && key >= 3 && key <= 5 ? 0.3F : 0.001F;
}

}  // namespace sluice::test
