// When each token of a source was last sent, by key: what the refresh share of a budget follows.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sluice::policy {

/// Counts only ticks in which the source offered tokens. Keys that were not offered for 64 of them
/// are forgotten, which bounds the memory where keys come and go; what is offered is remembered.
class SentKeys {
 public:
  /// After this, nothing is allocated as long as a tick offers at most n keys.
  void reserve(std::int64_t n);
  /// A tick that offered `keys`, in any order, and sent keys[row] for each of `rows`.
  void record(std::span<const std::int64_t> keys, std::span<const std::int32_t> rows);
  /// ticks[i]: since keys[i] was last sent, 1: in the tick before; −1: never, or forgotten. Returns
  /// false if there has been no tick. Requires as many ticks as keys.
  bool unsent_for(std::span<const std::int64_t> keys, std::span<std::int32_t> ticks) const noexcept;
  void clear() noexcept;

 private:
  struct Entry {
    std::int64_t key;
    std::int64_t sent;     ///< tick; 0: never
    std::int64_t offered;  ///< tick
  };
  void merge_offered();

  std::vector<Entry> known_;    ///< ascending, unique keys
  std::vector<Entry> offered_;  ///< of the newest tick
  std::vector<Entry> scratch_;
  std::int64_t tick_ = 0;
};

}  // namespace sluice::policy
