// Something that long work does now and then: asking whether to go on.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

namespace sluice::kernels {

/// Calls a function about every `interval`, out of loops whose iterations may take anything from
/// nanoseconds to milliseconds: the clock is read about once a millisecond, however fast they are.
/// For one thread.
class PeriodicPoll {
 public:
  static constexpr std::chrono::milliseconds interval{50};

  /// Empty: nothing is called. The first call comes after one interval.
  void set(std::function<void()> function);
  /// A loop begins; nothing is known of its iterations yet.
  void begin_loop() noexcept { stride_ = ticks_left_ = 1; }
  /// An iteration begins. Passes on what the function throws.
  void tick() {
    if (function_ && --ticks_left_ <= 0) look_at_clock();
  }

 private:
  using Clock = std::chrono::steady_clock;

  void look_at_clock();

  std::function<void()> function_;
  std::int64_t stride_ = 1;  // ticks between two looks at the clock
  std::int64_t ticks_left_ = 1;
  Clock::time_point last_look_;
  Clock::time_point next_call_;
};

}  // namespace sluice::kernels
