// Which frames of a video to take: all, so many per second, or those at given times.
//
// Sampling is defined on presentation times in seconds, never on frame numbers, so that it is right
// under variable frame rate:
//
//   For an output time t, the last frame whose pts <= t is taken.
//
// Output times are 0, 1/fps, 2/fps … (by rate) or a given list. A frame is taken at most once, so
// sampling never invents frames: a rate above the video's own gives every frame once, and a gap in
// the video gives a gap in the output. Output times before the first frame give nothing. The last
// frame counts as shown for its duration. "<=" allows for the rounding of time stamps: a frame
// that lies up to `tolerance_s` after t still counts as being there at t.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sluice::stream {

class FrameSampler {
 public:
  /// Every frame.
  FrameSampler() = default;
  /// The frames at 0, 1/fps, 2/fps … Throws sluice::Error unless 0 < fps <= 10000.
  [[nodiscard]] static FrameSampler by_rate(double fps, double tolerance_s);
  /// The frames at these times, in ascending order.
  [[nodiscard]] static FrameSampler at_times(std::vector<double> times_s, double tolerance_s);

  /// What to take now that another frame has come.
  struct Decision {
    bool previous = false;  ///< take the frame offered before this one
    bool current = false;   ///< take this frame; there is no need to wait for its successor
  };

  /// The next frame's presentation time. Times must not decrease.
  [[nodiscard]] Decision offer(double pts_s);
  /// The video has ended; its last frame was shown for `duration_s`. True: take that frame, too.
  [[nodiscard]] bool finish(double duration_s);
  /// True if no later frame can be taken.
  [[nodiscard]] bool exhausted() const noexcept;
  /// Index of the next output time still open.
  [[nodiscard]] std::int64_t next_index() const noexcept { return next_; }

 private:
  enum class Mode { every, rate, times };

  [[nodiscard]] double next_time() const noexcept;
  /// Drops the output times before `time_s`; true if there were any.
  bool pass_times_before(double time_s);

  Mode mode_ = Mode::every;
  double rate_ = 0;
  std::vector<double> times_;
  double tolerance_ = 0;
  std::int64_t next_ = 0;  ///< index of the next output time
  bool pending_ = false;   ///< a frame was offered and has not been taken
  double pending_pts_ = 0;
};

/// Picks `count` frames out of a recording, spread evenly over its duration: for i = 0 … count−1
/// the last frame at or before i·(time of the last frame)/(count−1), moved to the nearest free
/// frame where two of these coincide. The result has min(count, frames) distinct, ascending
/// indices, the first and the last frame among them (for count 1: the first). Under a constant
/// frame rate this is the floor of linspace(0, frames−1, count), as video models sample.
///
/// `pts_s [frames]`: presentation times, ascending.
[[nodiscard]] std::vector<std::size_t> spread_evenly(const std::vector<double>& pts_s,
                                                     std::int64_t count, double tolerance_s);

}  // namespace sluice::stream
