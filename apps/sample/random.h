// Random numbers of the sample: the same on every platform, unlike the standard distributions.
#pragma once

#include <cstdint>

namespace sluice::sample {

/// SplitMix64's output function: a good 64-bit mix of a counter.
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t value) noexcept {
  value += 0x9e3779b97f4a7c15u;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

/// [0, 1) from the upper 53 bits.
[[nodiscard]] constexpr double to_unit(std::uint64_t bits) noexcept {
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

/// A sequence of numbers. Streams of different `purpose` are independent, so that one more draw for
/// the colours does not move the camera.
class Random {
 public:
  constexpr Random(std::uint64_t seed, std::uint64_t purpose) noexcept
      : state_(mix(mix(seed) ^ mix(~purpose))) {}

  [[nodiscard]] constexpr double unit() noexcept { return to_unit(mix(state_++)); }
  [[nodiscard]] constexpr double between(double low, double high) noexcept {
    return low + (high - low) * unit();
  }
  /// 0 … count-1.
  [[nodiscard]] constexpr int below(int count) noexcept {
    return static_cast<int>(unit() * static_cast<double>(count));
  }
  [[nodiscard]] constexpr bool coin() noexcept { return unit() < 0.5; }

 private:
  std::uint64_t state_;
};

}  // namespace sluice::sample
