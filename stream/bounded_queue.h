// A queue between two threads that never grows and never waits.
#pragma once

#include <atomic>
#include <cstddef>
#include <vector>

namespace sluice::stream {

/// One producer, one consumer. Places are filled and read where they are, and their memory is used
/// again, so after warm-up nothing is allocated.
template <typename Value>
class BoundedQueue {
 public:
  /// `capacity` ≥ 1.
  explicit BoundedQueue(std::size_t capacity) : places_(capacity) {}

  /// The producer's: the place to fill before push(); null if the queue is full.
  [[nodiscard]] Value* vacant() noexcept {
    const std::size_t end = end_.load(std::memory_order_relaxed);
    if (end - begin_.load(std::memory_order_acquire) == places_.size()) return nullptr;
    return &places_[end % places_.size()];
  }
  void push() noexcept { end_.fetch_add(1, std::memory_order_release); }

  /// The consumer's: the oldest value, until pop(); null if there is none.
  [[nodiscard]] Value* front() noexcept {
    const std::size_t begin = begin_.load(std::memory_order_relaxed);
    if (begin == end_.load(std::memory_order_acquire)) return nullptr;
    return &places_[begin % places_.size()];
  }
  void pop() noexcept { begin_.fetch_add(1, std::memory_order_release); }

 private:
  std::vector<Value> places_;
  std::atomic<std::size_t> begin_ = 0, end_ = 0;  // counts; they differ by what is in the queue
};

}  // namespace sluice::stream
