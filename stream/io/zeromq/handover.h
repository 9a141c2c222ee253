// Tells ThreadSanitizer what libzmq guarantees but was not compiled to show: whoever receives or
// frees a message sees everything that its sender wrote before sending it. Private.
#pragma once

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

namespace sluice::stream::zeromq {

inline void hand_over([[maybe_unused]] void* message) {
#ifdef __SANITIZE_THREAD__
  __tsan_release(message);
#endif
}

inline void take_over([[maybe_unused]] void* message) {
#ifdef __SANITIZE_THREAD__
  __tsan_acquire(message);
#endif
}

}  // namespace sluice::stream::zeromq
