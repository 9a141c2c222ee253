// At most so many tokens, however long the video: older segments are merged further as it fills, so
// that a question can be asked at any moment. Ours; the published method (HoliTom, arXiv
// 2505.21334) needs the whole clip.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "kernels/resources.h"
#include "stream/token_batch.h"
#include "temporal/chapter_tokens.h"

namespace sluice::temporal {

struct TokenMemoryOptions {
  std::int64_t budget = 8192;  ///< B: tokens held at most; 1 to 2^31 − 1
  /// The newest segments that together arrived with at most rnd(recent·B) tokens stay as they came,
  /// in full detail. In [0, 1]; what is older keeps at least one token.
  double recent = 0.25;
};

/// A stretch of time in the memory: one segment, or neighbouring ones that share their tokens.
struct MemoryChapter {
  std::int64_t first_frame = 0;
  std::int64_t last_frame = 0;
  double first_pts = 0;       ///< seconds
  double last_pts = 0;        ///< seconds
  std::int64_t tokens = 0;    ///< that it has now
  std::int64_t arrived = 0;   ///< that came in
  std::int64_t segments = 0;  ///< that came in; those without tokens count
  bool recent = false;        ///< of the newest ones, which are held as they came

  [[nodiscard]] std::int64_t frames() const noexcept { return last_frame - first_frame + 1; }
};

/// What the memory did, since it was made or cleared.
struct MemoryCounts {
  std::int64_t segments = 0;
  std::int64_t compactions = 0;
  /// Segments that were too large to stay as they came even while they were the newest.
  std::int64_t oversized = 0;
};

/// What the memory guarantees, after every add():
///
///   budget     tokens().size() ≤ B, and nothing else grows with the length of the video but the
///              chapters, of which there are at most B
///   time       chapters follow each other without overlap, and cover every frame from the first
///              added to the last; each has at least one token if any segment had one; older
///              chapters share what is left of the budget by their number of frames
///   detail     recent chapters' tokens are bit for bit those that were added
///   weight     the weights of all tokens add up to those of all tokens added
///   replay     the same segments give the same bytes, on every instruction set and for every
///   number
///              of threads
///
/// How: see docs/token_memory.md. Not thread-safe.
class TokenMemory {
 public:
  /// Throws sluice::Error (kind input) for options out of range. `resources` outlive the memory.
  TokenMemory(kernels::Resources& resources, const TokenMemoryOptions& options);

  /// Takes in a segment that is done: its tokens, as a VideoReducer made them (copied), and the
  /// frames and times it spans; pts [frames], one per frame, never decreasing. Segments come in the
  /// order of time, each right behind the one before. One without tokens is time that the chapter
  /// before it, or failing that the one after it, stands for. Throws sluice::Error (kind input) for
  /// a batch of another source, width, type or other columns than the first, one without keys,
  /// frames, times and weights or with masks, and for times that don't follow. Whatever it throws,
  /// the memory is as it was.
  void add(const stream::TokenBatch& segment, std::int64_t first_frame,
           std::span<const double> pts);

  /// All that is remembered, oldest first; within a chapter as the tokens came or, once any of them
  /// were merged, by first frame, then position. A merged token is the mean of its members by
  /// weight, spans their frames and times, and has the key, grid position, kind and reason of its
  /// heaviest member (ties: the earliest); its score is the best of theirs. Valid until the next
  /// add().
  [[nodiscard]] const stream::TokenBatch& tokens();
  /// Oldest first. Valid until the next add().
  [[nodiscard]] std::span<const MemoryChapter> chapters() const noexcept { return chapters_; }

  [[nodiscard]] std::int64_t budget() const noexcept { return options_.budget; }
  [[nodiscard]] std::int64_t frames() const noexcept;   ///< taken in
  [[nodiscard]] std::int64_t arrived() const noexcept;  ///< tokens taken in
  [[nodiscard]] const MemoryCounts& counts() const noexcept { return counts_; }
  /// As it was when it was made: what comes next may be of another source.
  void clear();

 private:
  void check(const stream::TokenBatch& segment, std::int64_t first_frame,
             std::span<const double> pts) const;
  void check_like_first(const stream::TokenBatch& segment) const;
  [[nodiscard]] std::vector<ChapterTokens> compact(std::vector<MemoryChapter>& chapters,
                                                   ChapterTokens& newest);

  kernels::Resources& resources_;
  TokenMemoryOptions options_;
  std::vector<MemoryChapter> chapters_;
  std::vector<ChapterTokens> held_;  // per chapter; none where there are no tokens at all yet
  // Features that were merged, all in one: thousands of small pieces that come and go with every
  // compaction would leave the heap full of holes. The next compaction writes to the spare.
  std::shared_ptr<kernels::Tensor> packed_ = std::make_shared<kernels::Tensor>();
  std::shared_ptr<kernels::Tensor> spare_ = std::make_shared<kernels::Tensor>();
  stream::TokenBatch like_;  // no tokens: source, width and type of all that comes
  stream::TokenBatch output_;
  bool is_output_current_ = false;
  MemoryCounts counts_;
};

}  // namespace sluice::temporal
