// The rounding that every budget in the project is defined with.
#pragma once

#include <cmath>
#include <cstdint>

namespace sluice::kernels {

/// rnd: nearest integer, halves to even, on a double: rnd(0.5) = 0, rnd(2.5) = 2.
[[nodiscard]] inline std::int64_t round_half_even(double value) noexcept {
  const double floor = std::floor(value);
  const double fraction = value - floor;  // exact
  const auto below = static_cast<std::int64_t>(floor);
  if (fraction < 0.5) return below;
  if (fraction > 0.5) return below + 1;
  return below + (below & 1);
}

}  // namespace sluice::kernels
