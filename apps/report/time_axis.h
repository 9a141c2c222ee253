// The horizontal axis that all plots over time share, and the columns that long recordings are
// gathered into.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace sluice::report {

/// Frames [first, last) that share one column of a plot; never empty.
struct FrameRange {
  std::int64_t first = 0, last = 0;
  [[nodiscard]] std::int64_t size() const noexcept { return last - first; }
};

/// Seconds from the first frame to the end of the last one, which is taken to be as long as the
/// frames are on average. 0 for a single frame.
[[nodiscard]] double duration_seconds(std::span<const double> pts) noexcept;

class TimeAxis {
 public:
  /// Frames with the time stamps `pts`, which must outlive the axis, in at most `max_columns`
  /// columns of equal width. Where time stamps don't grow, the axis counts frames instead of
  /// seconds.
  TimeAxis(std::span<const double> pts, std::size_t max_columns);

  [[nodiscard]] const std::vector<FrameRange>& columns() const noexcept { return columns_; }
  /// Where `frame` begins, as a share of the axis; frame F is its end.
  [[nodiscard]] double place(std::int64_t frame) const noexcept;

  struct Tick {
    double place = 0;  ///< share of the axis
    std::string label;
  };
  [[nodiscard]] std::vector<Tick> ticks() const;

 private:
  [[nodiscard]] double begin_of(std::int64_t frame) const noexcept;

  std::span<const double> pts_;
  bool in_seconds_ = true;
  double begin_ = 0, end_ = 1;
  std::vector<FrameRange> columns_;
};

/// The smallest of 1, 2, 5 × 10^n (or, for seconds, of the steps of a clock) that gives at most
/// `count` steps.
[[nodiscard]] double tick_step(double span, int count);
[[nodiscard]] double clock_step(double span_seconds, int count);

}  // namespace sluice::report
