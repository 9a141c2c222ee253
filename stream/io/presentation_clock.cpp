#include "stream/io/presentation_clock.h"

#include <algorithm>

namespace sluice::stream {
namespace {
constexpr double max_step_ahead_s = 10;
constexpr double unknown_duration_s = 0.04;
}  // namespace

double PresentationClock::next(std::optional<double> stamp_s, double duration_s) {
  const double step = last_duration_ > 0 ? last_duration_ : unknown_duration_s;
  double time = 0;
  if (!stamp_s) {
    ++derived_;
    time = started_ ? last_ + step : 0.0;
  } else if (!started_) {
    time = std::max(*stamp_s, 0.0);
  } else {
    time = *stamp_s + shift_;
    const bool ahead = jumps_are_breaks_ && !step_allowed_ && time > last_ + max_step_ahead_s;
    if (time < last_ - 4 * step || ahead) {
      ++breaks_;
      shift_ += last_ + step - time;
      time = last_ + step;
    } else if (time < last_) {
      ++clamped_;
      time = last_;
    }
  }
  started_ = true;
  step_allowed_ = false;
  last_ = time;
  last_duration_ = duration_s;
  return time;
}

}  // namespace sluice::stream
