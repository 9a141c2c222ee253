#include "stream/io/frame_sampler.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/error.h"

namespace sluice::stream {

FrameSampler FrameSampler::by_rate(double fps, double tolerance_s) {
  if (!(fps > 0 && fps <= 10000)) {
    throw input_error("fps", concat("is ", fps), "frames per second, above 0 and at most 10000");
  }
  FrameSampler sampler;
  sampler.mode_ = Mode::rate;
  sampler.rate_ = fps;
  sampler.tolerance_ = tolerance_s;
  return sampler;
}

FrameSampler FrameSampler::at_times(std::vector<double> times_s, double tolerance_s) {
  FrameSampler sampler;
  sampler.mode_ = Mode::times;
  sampler.times_ = std::move(times_s);
  sampler.tolerance_ = tolerance_s;
  return sampler;
}

bool FrameSampler::exhausted() const noexcept {
  return mode_ == Mode::times && next_ >= static_cast<std::int64_t>(times_.size());
}

double FrameSampler::next_time() const noexcept {
  if (mode_ == Mode::times) return times_[static_cast<std::size_t>(next_)];
  return mode_ == Mode::rate ? static_cast<double>(next_) / rate_ : 0.0;
}

bool FrameSampler::pass_times_before(double time_s) {
  const std::int64_t first = next_;
  if (mode_ == Mode::rate) {
    // Straight to the answer: stepping through a gap of hours would take forever. The estimate is
    // one step low on purpose, and the loop below makes it exact.
    const double estimate = std::floor((time_s - tolerance_) * rate_) - 1;
    if (estimate > static_cast<double>(next_)) next_ = static_cast<std::int64_t>(estimate);
  }
  while (!exhausted() && next_time() + tolerance_ < time_s) ++next_;
  return next_ != first;
}

FrameSampler::Decision FrameSampler::offer(double pts_s) {
  if (mode_ == Mode::every) return {.current = true};
  Decision decision;
  // Output times that this frame comes too late for belong to the frame before it.
  decision.previous = pass_times_before(pts_s) && pending_;
  pending_ = true;
  pending_pts_ = pts_s;
  // A frame right at an output time is that time's frame, whatever comes next.
  if (!exhausted() && next_time() - tolerance_ <= pts_s) {
    while (!exhausted() && next_time() - tolerance_ <= pts_s) ++next_;
    decision.current = true;
    pending_ = false;
  }
  return decision;
}

bool FrameSampler::finish(double duration_s) {
  if (!pending_) return false;
  pending_ = false;
  return !exhausted() && next_time() + tolerance_ < pending_pts_ + duration_s;
}

std::vector<std::size_t> spread_evenly(const std::vector<double>& pts_s, std::int64_t count,
                                       double tolerance_s) {
  const std::size_t total = pts_s.size();
  const std::size_t wanted =
      std::min(total, static_cast<std::size_t>(std::max<std::int64_t>(count, 0)));
  std::vector<std::size_t> chosen(wanted);
  if (wanted == 0) return chosen;
  const double start = pts_s.front();
  const double span = pts_s.back() - start;
  for (std::size_t i = 0; i < wanted; ++i) {
    const double share =
        wanted == 1 ? 0.0 : static_cast<double>(i) / static_cast<double>(wanted - 1);
    const double time = start + span * share + tolerance_s;
    const auto after = std::upper_bound(pts_s.begin(), pts_s.end(), time);
    auto index = static_cast<std::size_t>(std::max<std::ptrdiff_t>(after - pts_s.begin() - 1, 0));
    // Distinct and ascending, leaving enough frames for the outputs still to come.
    if (i > 0) index = std::max(index, chosen[i - 1] + 1);
    chosen[i] = std::min(index, total - wanted + i);
  }
  return chosen;
}

}  // namespace sluice::stream
