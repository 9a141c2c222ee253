// Learns online how long the model takes for so many tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace sluice::policy {

struct LatencyModelOptions {
  /// Newest observations that count, 2 to 256. More: steadier, but slower to follow a change, and
  /// the cost of an observation grows with the square.
  std::int64_t window = 64;
  std::int64_t least = 8;  ///< observations before it predicts anything; at most `window`
  /// Share of ticks that a prediction is to cover, between 0 and 1. A window of n can't show more
  /// than n/(n + 1): beyond that, and while it fills, the largest residual stands in.
  double quantile = 0.95;
  /// Token counts that are closer than this, relative to the larger, say nothing about the slope:
  /// the difference in latency between them is noise.
  double least_spread = 0.1;
  /// Observations, newest, over which the share of stray outliers is measured; at least `window`.
  std::int64_t outlier_memory = 512;
  /// How far beyond the largest count in the window it predicts, relative to that count.
  double reach = 0.25;
};

/// latency = base + slope · tokens. The slope is the median of the slopes between all pairs in the
/// window whose counts differ enough (Theil and Sen), so that up to 29 % of outliers, however wild,
/// don't carry it away; it is never negative. The base is the quantile of what remains.
///
/// A window is too short to measure how often a rare outlier comes: three in 64 would pass for 5 %.
/// So stray outliers (beyond Tukey's outer fence, three interquartile ranges above the upper
/// quartile, and not three in a row) are counted over a longer time. As long as they come less
/// often than the quantile allows, they are left out of the window, and the quantile of the rest is
/// raised to make up for them. If they come more often, they count like all others.
///
/// While fewer pairs differ than three observations have with all others, the slope that was
/// learned last holds. If none was ever learned, nothing but proportion is assumed: beyond the
/// counts seen, latency grows at most in proportion to tokens; below them, it doesn't fall.
/// No allocation after construction.
class LatencyModel {
 public:
  /// Throws sluice::Error for options out of range.
  explicit LatencyModel(const LatencyModelOptions& options = {});
  /// Counts that are negative, latencies that are negative, not finite or longer than a day are
  /// ignored and counted. Takes tens of microseconds with a full window of 64.
  void observe(std::int64_t tokens, double latency_ms) noexcept;

  struct Line {
    double base_ms = 0;  ///< where the line meets 0 tokens; may be below zero
    double slope_ms = 0;
    /// Otherwise the slope is assumed: the stated quantile of latency per token.
    bool learned = false;
  };
  /// Nothing before enough was observed.
  [[nodiscard]] std::optional<Line> line() const noexcept { return line_; }
  /// The largest number of tokens in [least, most], and within reach, whose predicted latency meets
  /// `deadline_ms`; `least` if none does; nothing before enough was observed.
  [[nodiscard]] std::optional<std::int64_t> tokens_within(double deadline_ms, std::int64_t least,
                                                          std::int64_t most) const noexcept;
  [[nodiscard]] std::int64_t ignored() const noexcept { return ignored_; }
  void clear() noexcept;

 private:
  struct Observation {
    double tokens = 0, latency_ms = 0;
  };
  /// A ring of marks and how many are set.
  struct Marks {
    std::vector<std::uint8_t> ring;
    std::size_t next = 0, size = 0;
    std::int64_t set = 0;

    void push(bool mark) noexcept;
  };

  void fit() noexcept;
  void learn_slope() noexcept;
  void compute_residuals() noexcept;
  void mark_stray_outliers() noexcept;
  [[nodiscard]] double covering_residual() noexcept;

  LatencyModelOptions options_;
  std::vector<Observation> window_;     ///< oldest first
  std::vector<double> residuals_;       ///< [window] under the line
  std::vector<std::uint8_t> is_stray_;  ///< [window]
  std::vector<double> scratch_;         ///< to select from
  Marks stray_outliers_;                ///< those that more can't join, newest last
  std::optional<double> slope_ms_;      ///< learned last
  std::optional<Line> line_;
  std::int64_t ignored_ = 0;
};

}  // namespace sluice::policy
