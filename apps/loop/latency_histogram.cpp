#include <algorithm>
#include <cmath>

#include "apps/loop/metrics.h"

namespace sluice::apps {

const std::array<double, 16>& LatencyHistogram::bounds() noexcept {
  static constexpr std::array<double, 16> seconds{1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2,
                                                  5e-2, 0.1,  0.2,  0.5,  1,    2,    5,    10};
  return seconds;
}

void LatencyHistogram::observe(double seconds) noexcept {
  if (std::isnan(seconds)) return;
  // A clock that steps back measures nothing; one that jumps ahead must not overflow the sum.
  constexpr double longest = 1e6;
  const double duration = std::clamp(seconds, 0.0, longest);
  const auto& upper = bounds();
  const auto bucket = std::lower_bound(upper.begin(), upper.end(), duration) - upper.begin();
  counts_[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  sum_ns_.fetch_add(static_cast<std::int64_t>(duration * 1e9), std::memory_order_relaxed);
}

std::int64_t LatencyHistogram::count() const noexcept {
  return at_most(bounds().size());
}

double LatencyHistogram::sum() const noexcept {
  return static_cast<double>(sum_ns_.load(std::memory_order_relaxed)) * 1e-9;
}

std::int64_t LatencyHistogram::at_most(std::size_t bound) const noexcept {
  std::int64_t total = 0;
  for (std::size_t i = 0; i <= bound && i < counts_.size(); ++i)
    total += counts_[i].load(std::memory_order_relaxed);
  return total;
}

}  // namespace sluice::apps
