// What a loop remembers of the last segments: their merged tokens, offered to every tick.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "stream/token_batch.h"

namespace sluice::policy {

struct SegmentMemoryOptions {
  std::string id = "memory";  ///< of the batch, as a source of the tick
  std::int64_t segments = 4;  ///< the newest so many are remembered; at least 1
  std::int64_t tokens = 256;  ///< offered at most: whole segments, the newest first, then the
                              ///< best-scored rows of the one that doesn't fit; at least 1
};

/// Not thread-safe.
class SegmentMemory {
 public:
  /// Throws sluice::Error for options out of range.
  explicit SegmentMemory(const SegmentMemoryOptions& options);

  /// A segment that is done, as a VideoReducer made it. Its tokens are copied. One without tokens
  /// doesn't count; one of another grid, width, type or with other columns makes the ones before be
  /// forgotten: they can't be offered together. Throws sluice::Error for an invalid batch, and for
  /// tokens without frame or position.
  void add(const stream::TokenBatch& segment);
  /// Everything remembered, oldest first: kind memory, keys that stay the same as long as the token
  /// is offered (frame · positions + position), everything else as it was merged.
  [[nodiscard]] const stream::TokenBatch& tokens() const noexcept { return tokens_; }
  /// A new episode.
  void clear();

 private:
  void rebuild();

  SegmentMemoryOptions options_;
  std::deque<stream::TokenBatch> segments_;
  stream::TokenBatch tokens_;
};

}  // namespace sluice::policy
