#include "apps/loop/input_thread.h"

#include <algorithm>
#include <utility>

namespace sluice::apps {

InputThread::InputThread(std::unique_ptr<LoopInput> input, std::size_t index, LoopMetrics& metrics,
                         Clock::time_point start, const std::atomic<bool>& stop)
    : input_(std::move(input)),
      index_(index),
      metrics_(metrics),
      start_(start),
      stop_(stop),
      thread_([this] { read(); }) {}

void InputThread::join() {
  if (thread_.joinable()) thread_.join();
}

void InputThread::read() {
  try {
    while (!stop_) {
      Offered& offered = slot_.writable();
      if (!input_->next(offered.tokens)) break;
      if (input_->is_recording()) wait_until_due(offered.tokens.pts);
      offered.at = Clock::now();
      if (!slot_.publish()) metrics_.input_skipped[index_].fetch_add(1, std::memory_order_relaxed);
      metrics_.input_frames[index_].fetch_add(1, std::memory_order_relaxed);
      metrics_.input_damaged[index_].store(input_->statistics().skipped_packets,
                                           std::memory_order_relaxed);
    }
  } catch (...) {
    error_ = std::current_exception();  // the loop goes on with the other inputs
  }
  metrics_.input_ended[index_].store(1, std::memory_order_relaxed);
  ended_.store(true, std::memory_order_release);
}

void InputThread::wait_until_due(double pts) const {
  constexpr double longest = 1e9;  // a lifetime, and less than a duration can hold
  const auto due = start_ + std::chrono::duration_cast<Clock::duration>(
                                std::chrono::duration<double>(std::min(pts, longest)));
  while (!stop_ && Clock::now() < due)
    std::this_thread::sleep_until(std::min(due, Clock::now() + std::chrono::milliseconds(50)));
}

const InputTokens* InputThread::newest(Clock::time_point now, double max_age_ms) noexcept {
  (void)slot_.update();
  const Offered& offered = slot_.latest();
  if (offered.tokens.frame < 0 || age_s(now) * 1e3 > max_age_ms) return nullptr;
  return &offered.tokens;
}

double InputThread::age_s(Clock::time_point now) const noexcept {
  const Offered& offered = slot_.latest();
  if (offered.tokens.frame < 0) return -1;
  // It may have come since `now`.
  return std::max(std::chrono::duration<double>(now - offered.at).count(), 0.0);
}

}  // namespace sluice::apps
