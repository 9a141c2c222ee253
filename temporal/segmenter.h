// Optimal segmentation of a video into runs of frames whose redundant positions are merged
// (HoliTom, arXiv 2505.21334, §3.2), frame by frame and with bounded delay.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "kernels/bit_mask.h"

namespace sluice::temporal {

/// Frames first … last, inclusive, counted from the start of the stream.
struct Segment {
  std::int64_t first = 0;
  std::int64_t last = 0;
  bool forced = false;  ///< cut by the latency bound before the optimum was certain

  [[nodiscard]] std::int64_t frames() const noexcept { return last - first + 1; }
  friend bool operator==(const Segment&, const Segment&) = default;
};

struct SegmenterOptions {
  std::int64_t max_window = 1024;  ///< longest segment in frames, ≥ 1
  /// A segment leaves at the latest when this many frames are waiting; 0: wait for finish().
  /// Lower means earlier segments and less memory, higher means fewer forced cuts.
  std::int64_t latency = 0;
};

/// Maximises Σ (frames − 1) · |positions redundant throughout| over all partitions into segments of
/// at most max_window frames. Ties: singletons first, then the shortest window, exactly as the
/// published dynamic program decides them.
///
/// A segment is handed out as soon as every partition that can still become the optimum contains
/// it; so the result equals the offline optimum unless the latency bound forced a cut. Each frame
/// costs O(positions + waiting frames): per position only the frame where its current redundant run
/// began is needed.
class Segmenter {
 public:
  Segmenter(std::int64_t positions, const SegmenterOptions& options);

  /// Appends a frame. Bit p of `redundant` says that position p looks like the frame before; it is
  /// ignored for the very first frame.
  void push(const kernels::BitMask& redundant);
  /// No more frames: everything that waits becomes certain.
  void finish();
  /// The next certain segment, in order, once each.
  [[nodiscard]] std::optional<Segment> next();

  [[nodiscard]] std::int64_t frames() const noexcept { return base_ + waiting(); }
  /// Frames pushed that are in no certain segment yet.
  [[nodiscard]] std::int64_t waiting() const noexcept {
    return static_cast<std::int64_t>(best_.size());
  }
  [[nodiscard]] std::int64_t forced_cuts() const noexcept { return forced_cuts_; }
  /// Tokens removed by merging, over all certain segments.
  [[nodiscard]] std::int64_t gain() const noexcept { return gain_; }

 private:
  void extend(const kernels::BitMask& redundant);
  void commit_certain();
  void force_cut();
  void commit_until(std::int64_t boundary, bool forced);
  void forget(std::int64_t frames);
  [[nodiscard]] std::int64_t common_ancestor(std::int64_t a, std::int64_t b) const;
  [[nodiscard]] std::int64_t parent(std::int64_t boundary) const {
    return start_[static_cast<std::size_t>(boundary - 1)];
  }
  [[nodiscard]] std::int64_t gain_until(std::int64_t boundary) const {
    return boundary == 0 ? 0 : best_[static_cast<std::size_t>(boundary - 1)];
  }

  SegmenterOptions options_;
  std::int64_t positions_;
  std::int64_t base_ = 0;           // the first waiting frame; below, frames are counted from it
  std::deque<std::int64_t> best_;   // [waiting] largest gain of frames 0 … i
  std::deque<std::int64_t> start_;  // [waiting] where the last segment of that optimum starts
  std::deque<kernels::BitMask> masks_;   // [waiting] kept only where a cut may be forced
  std::vector<std::int64_t> run_start_;  // [positions] where the current redundant run began
  std::deque<std::int64_t> runs_from_;   // [waiting] positions whose run began at frame i
  std::deque<Segment> certain_;
  std::int64_t forced_cuts_ = 0;
  std::int64_t gain_ = 0;
};

}  // namespace sluice::temporal
