// The times of a benchmark's repetitions.
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

namespace sluice::bench {

/// Milliseconds of every repetition.
class Samples {
 public:
  /// Runs `work` and returns its seconds.
  template <typename Work>
  double measure(Work&& work) {
    const auto begin = Clock::now();
    std::forward<Work>(work)();
    const std::chrono::duration<double> seconds = Clock::now() - begin;
    milliseconds_.push_back(1e3 * seconds.count());
    return seconds.count();
  }

  /// Nearest rank: the smallest sample that `share` of all samples don't exceed.
  [[nodiscard]] double percentile(double share) {  // 0: the fastest
    std::sort(milliseconds_.begin(), milliseconds_.end());
    const auto rank = std::ceil(share * static_cast<double>(milliseconds_.size()));
    return milliseconds_[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
  }

 private:
  using Clock = std::chrono::steady_clock;
  std::vector<double> milliseconds_;
};

}  // namespace sluice::bench
