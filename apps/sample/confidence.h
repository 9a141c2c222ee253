// Means with 95 % confidence intervals.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>

namespace sluice::sample {

struct Estimate {
  double mean = 0;
  double margin = 0;  ///< half of the 95 % interval

  [[nodiscard]] double low() const noexcept { return mean - margin; }
  [[nodiscard]] double high() const noexcept { return mean + margin; }
};

/// 97.5 % quantile of Student's t, from its expansion about the normal (Abramowitz and Stegun
/// 26.7.5): off by less than 0.005 from 4 degrees of freedom on.
[[nodiscard]] inline double student_t(double freedom) noexcept {
  constexpr double z = 1.959963984540054, z3 = z * z * z, z5 = z3 * z * z, z7 = z5 * z * z;
  return z + (z3 + z) / (4 * freedom) + (5 * z5 + 16 * z3 + 3 * z) / (96 * freedom * freedom) +
         (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * freedom * freedom * freedom);
}

/// Of independent samples, at least two.
[[nodiscard]] inline Estimate estimate(std::span<const double> samples) noexcept {
  const auto n = static_cast<double>(samples.size());
  double mean = 0, squares = 0;
  for (const double value : samples) mean += value / n;
  for (const double value : samples) squares += (value - mean) * (value - mean);
  return {mean, student_t(n - 1) * std::sqrt(squares / (n - 1) / n)};
}

}  // namespace sluice::sample
