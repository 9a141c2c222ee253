// How many tokens the last packets had: an answer that comes too late to be applied still tells how
// long the model took, and a model that has become slow answers late only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace sluice::policy {

/// Of the last 1024 ticks; nothing is allocated.
class SentSizes {
 public:
  void record(std::int64_t tick, std::int64_t tokens) noexcept { place(tick) = {tick, tokens}; }
  /// Once per tick; nothing for a tick that was answered before, not sent, or is too long ago.
  [[nodiscard]] std::optional<std::int64_t> take(std::int64_t tick) noexcept {
    if (tick < 0 || place(tick).tick != tick) return std::nullopt;
    place(tick).tick = -1;
    return place(tick).tokens;
  }
  void clear() noexcept { places_.fill({}); }

 private:
  struct Sent {
    std::int64_t tick = -1;
    std::int64_t tokens = 0;
  };
  static constexpr std::size_t ticks = 1024;
  [[nodiscard]] Sent& place(std::int64_t tick) noexcept {
    return places_[static_cast<std::size_t>(tick) % ticks];
  }

  std::array<Sent, ticks> places_{};
};

}  // namespace sluice::policy
