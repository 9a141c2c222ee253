// Reads one input on a thread of its own, at its own pace, and leaves the newest tokens for the
// tick.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <thread>

#include "apps/loop/input_tokens.h"
#include "apps/loop/metrics.h"
#include "stream/latest_slot.h"

namespace sluice::apps {

class InputThread {
 public:
  using Clock = std::chrono::steady_clock;

  /// Frames of a recording are offered when their time has come, counted from `start`.
  InputThread(std::unique_ptr<LoopInput> input, std::size_t index, LoopMetrics& metrics,
              Clock::time_point start, const std::atomic<bool>& stop);
  InputThread(const InputThread&) = delete;
  InputThread& operator=(const InputThread&) = delete;
  ~InputThread() { join(); }
  /// Waits for the frame that is being read; then the input has ended. Once `stop` is true.
  void join();

  /// Tick's thread: the newest tokens; null before the first, and once they are older than
  /// `max_age_ms` at `now`. Valid until the next call.
  [[nodiscard]] const InputTokens* newest(Clock::time_point now, double max_age_ms) noexcept;
  /// Tick's thread: seconds since what newest() found last was offered; negative before the first.
  [[nodiscard]] double age_s(Clock::time_point now) const noexcept;

  /// The input is at its end, or failed.
  [[nodiscard]] bool ended() const noexcept { return ended_.load(std::memory_order_acquire); }
  /// Why it ended, if it failed. Once ended() is true.
  [[nodiscard]] std::exception_ptr error() const noexcept { return error_; }
  /// Once ended() is true.
  [[nodiscard]] const LoopInput& input() const noexcept { return *input_; }

 private:
  struct Offered {
    InputTokens tokens;
    Clock::time_point at;
  };
  void read();
  void wait_until_due(double pts) const;

  std::unique_ptr<LoopInput> input_;
  std::size_t index_;
  LoopMetrics& metrics_;
  Clock::time_point start_;
  const std::atomic<bool>& stop_;
  stream::LatestSlot<Offered> slot_;
  std::atomic<bool> ended_ = false;
  std::exception_ptr error_;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace sluice::apps
