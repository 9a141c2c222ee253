// A simulated model: latency grows with tokens, with noise and now and then far more.
#pragma once

#include <algorithm>
#include <cstdint>

#include "tests/support/random_clip.h"

namespace sluice::test {

struct SimulatedLatency {
  double base_ms = 20, slope_ms = 0.1, noise_ms = 1.5;
  double outliers = 0;      ///< share of them
  double outlier_ms = 200;  ///< up to so much is added

  double of(Random& random, std::int64_t tokens) const {
    const double noise = noise_ms * static_cast<double>(random.normal());
    const double outlier = random.chance(outliers) ? outlier_ms * random.uniform() : 0;
    const double line = base_ms + slope_ms * static_cast<double>(tokens);
    return std::max(line + noise + outlier, 0.0);
  }
};

}  // namespace sluice::test
