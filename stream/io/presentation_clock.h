// Turns the time stamps of decoded frames, as they are found in the wild, into seconds that start
// at 0 and never decrease.
#pragma once

#include <cstdint>
#include <optional>

namespace sluice::stream {

/// - A missing time stamp is derived from the frame before it and that frame's duration.
/// - A step back of up to four frames (bad reordering, duplicates) is clamped to the time before.
/// - A longer step back, and where `jumps_are_breaks` (MPEG-TS and such) a step ahead of more than
///   10 s, is a break in the time line, as after a join or a wrap-around: time goes on one frame
///   later, and later stamps are shifted alike.
class PresentationClock {
 public:
  explicit PresentationClock(bool jumps_are_breaks = false) : jumps_are_breaks_(jumps_are_breaks) {}

  /// `stamp_s`: seconds from the start of the stream; `duration_s`: how long this frame is shown.
  double next(std::optional<double> stamp_s, double duration_s);

  /// Frames are left out on purpose before the next one: its step ahead is no break.
  void allow_step_ahead() noexcept { step_allowed_ = true; }

  [[nodiscard]] std::int64_t derived() const noexcept { return derived_; }
  [[nodiscard]] std::int64_t clamped() const noexcept { return clamped_; }
  [[nodiscard]] std::int64_t breaks() const noexcept { return breaks_; }

 private:
  bool jumps_are_breaks_;
  bool started_ = false;
  bool step_allowed_ = false;
  double last_ = 0;
  double last_duration_ = 0;
  double shift_ = 0;
  std::int64_t derived_ = 0, clamped_ = 0, breaks_ = 0;
};

}  // namespace sluice::stream
