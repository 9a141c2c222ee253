// Wakes a thread that polls. Private.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

#include "kernels/error.h"

namespace sluice::stream::zeromq {

/// An eventfd that never blocks, neither who sets it nor who clears it.
class WakeEvent {
 public:
  WakeEvent() : descriptor_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (descriptor_ < 0) throw system_error("eventfd", std::generic_category().message(errno));
  }
  WakeEvent(const WakeEvent&) = delete;
  WakeEvent& operator=(const WakeEvent&) = delete;
  ~WakeEvent() { ::close(descriptor_); }

  /// Readable from now on. If the counter is full (2^64 - 2 calls) it is readable already.
  void set() noexcept {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(descriptor_, &one, sizeof one);
  }
  void clear() noexcept {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = ::read(descriptor_, &count, sizeof count);
  }
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

}  // namespace sluice::stream::zeromq
