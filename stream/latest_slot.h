// Hands the newest value from one thread to another; neither ever waits for the other.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace sluice::stream {

/// One producer, one consumer. Three values go round: one being written, one being read, and the
/// newest that is done. Their memory is used again, so after warm-up nothing is allocated.
template <typename Value>
class LatestSlot {
 public:
  /// Before either thread has begun: calls visit() with each of the three values, to take memory.
  template <typename Visit>
  void prepare(Visit&& visit) {
    for (Value& value : values_) visit(value);
  }

  /// The producer's: fill it, then publish(). Holds what was published two or three times ago.
  [[nodiscard]] Value& writable() noexcept { return values_[back_]; }
  /// Returns false if a value that was never taken has been replaced.
  bool publish() noexcept {
    const std::uint8_t before = middle_.exchange(back_ | is_new, std::memory_order_acq_rel);
    back_ = before & index_mask;
    return (before & is_new) == 0;
  }

  /// The consumer's: moves latest() to the newest value; false if there is none since the last
  /// call.
  [[nodiscard]] bool update() noexcept {
    if ((middle_.load(std::memory_order_relaxed) & is_new) == 0) return false;
    front_ = middle_.exchange(front_, std::memory_order_acq_rel) & index_mask;
    return true;
  }
  /// What update() found last; a default value before that. Stays as it is until the next update().
  [[nodiscard]] Value& latest() noexcept { return values_[front_]; }
  [[nodiscard]] const Value& latest() const noexcept { return values_[front_]; }

 private:
  static constexpr std::uint8_t index_mask = 3;
  static constexpr std::uint8_t is_new = 4;

  std::array<Value, 3> values_{};
  std::uint8_t back_ = 0;   // the producer's
  std::uint8_t front_ = 1;  // the consumer's
  std::atomic<std::uint8_t> middle_ = 2;
};

}  // namespace sluice::stream
