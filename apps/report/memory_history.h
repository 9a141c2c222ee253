// How full a memory was as the video went on, in bounded space however long that takes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sluice::report {

/// The state of a memory behind some segment.
struct MemoryMoment {
  std::int64_t frames = 0;   ///< taken in
  double pts = 0;            ///< seconds, of the last of them
  std::int64_t held = 0;     ///< tokens
  std::int64_t arrived = 0;  ///< tokens, since the start
  std::int64_t chapters = 0;
};

/// Keeps every moment until there are `most` (at least 4); then every second one goes, and from
/// then on only every second is kept, and so on. The newest moment is always there.
class MemoryHistory {
 public:
  explicit MemoryHistory(std::size_t most = 2048);
  void add(const MemoryMoment& moment);
  /// In the order of time.
  [[nodiscard]] const std::vector<MemoryMoment>& moments() const noexcept { return moments_; }

 private:
  std::size_t most_;
  std::size_t stride_ = 1;
  std::size_t added_ = 0;
  std::vector<MemoryMoment> moments_;  // the last one may be off the stride: the newest
};

}  // namespace sluice::report
