#include "kernels/periodic_poll.h"

#include <algorithm>
#include <utility>

namespace sluice::kernels {

void PeriodicPoll::set(std::function<void()> function) {
  function_ = std::move(function);
  last_look_ = Clock::now();
  next_call_ = last_look_ + interval;
  begin_loop();
}

void PeriodicPoll::look_at_clock() {
  constexpr std::chrono::milliseconds look_every{1};
  constexpr std::int64_t longest_stride = 1024;
  const auto now = Clock::now();
  const bool is_fast = now - last_look_ < look_every;
  stride_ =
      is_fast ? std::min(2 * stride_, longest_stride) : std::max<std::int64_t>(1, stride_ / 2);
  ticks_left_ = stride_;
  last_look_ = now;
  if (now < next_call_) return;
  next_call_ = now + interval;
  function_();
}

}  // namespace sluice::kernels
