// An exponential function with the same bits everywhere: standard libraries, and CUDA's, differ in
// the last one, and choose by the processor's instruction set.
#pragma once

#include <bit>
#include <cstdint>

namespace sluice::kernels {

/// e^x, off by less than one unit in the last place; 0 and infinity beyond f64's range, subnormal
/// results included. Only products, sums and integers in a fixed order, so that it needs nothing
/// but IEEE arithmetic without contraction to be reproducible.
[[nodiscard]] constexpr double exponential(double x) noexcept {
  if (!(x == x)) return x;
  if (x > 709.782712893384) return std::bit_cast<double>(0x7ff0000000000000ULL);
  if (x < -745.1332191019412) return 0;
  // x = n·ln 2 + r with |r| ≤ ln 2 / 2; ln 2 in two parts, the first so short that n times it is
  // exact.
  constexpr double per_ln2 = 0x1.71547652b82fep+0;
  constexpr double ln2_high = 0x1.62e42feep-1;
  constexpr double ln2_low = 0x1.a39ef35793c76p-33;
  const auto n = static_cast<std::int64_t>(x * per_ln2 + (x < 0 ? -0.5 : 0.5));
  const double high = x - static_cast<double>(n) * ln2_high;
  const double low = static_cast<double>(n) * ln2_low;
  const double r = high - low;
  const double lost = (high - r) - low;  // of r, by rounding it
  // Taylor's series: its 14th term is below 2^-58. Smallest terms first.
  double p = 1.0 / 6227020800;  // 1/13!
  p = p * r + 1.0 / 479001600;
  p = p * r + 1.0 / 39916800;
  p = p * r + 1.0 / 3628800;
  p = p * r + 1.0 / 362880;
  p = p * r + 1.0 / 40320;
  p = p * r + 1.0 / 5040;
  p = p * r + 1.0 / 720;
  p = p * r + 1.0 / 120;
  p = p * r + 1.0 / 24;
  p = p * r + 1.0 / 6;
  p = p * r + 0.5;
  const double sum = 1.0 + r;
  const double rest = (1.0 - sum) + r;  // what the sum has lost, exactly
  const double fraction = sum + (rest + (lost + r * r * p));
  // 2^n in two factors: results below the normal range need n down to -1075.
  const auto power = [](std::int64_t e) {
    return std::bit_cast<double>(static_cast<std::uint64_t>(e + 1023) << 52);
  };
  const std::int64_t half = n / 2;
  return fraction * power(half) * power(n - half);
}

}  // namespace sluice::kernels
