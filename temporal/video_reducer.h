// The one engine for recordings and streams: frames arrive one by one, reduced segments leave
// (HoliTom, arXiv 2505.21334, made causal; design: "The budget, exactly").
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "kernels/resources.h"
#include "stream/feature_frame.h"
#include "stream/packet.h"
#include "temporal/budget.h"
#include "temporal/segment_merger.h"
#include "temporal/segmenter.h"

namespace sluice::temporal {

struct VideoReducerOptions {
  HolitomParameters reduction;
  /// False: a recording; nothing leaves before finish(), and the budget is shared over everything.
  /// True: a stream; segments leave as soon as they are certain, under the causal budget.
  bool causal = false;
  /// Streams: a segment leaves at the latest when this many frames wait. Lower: sooner and with
  /// less memory; higher: fewer forced cuts.
  std::int64_t latency = 128;
  /// Streams: the most budget that can be saved up, in frames' worth; default: `latency`.
  std::optional<std::int64_t> credit_frames;
};

/// A segment that is done.
struct ReducedSegment {
  Segment segment;
  std::int64_t static_positions = 0;  ///< redundant throughout the segment
  std::int64_t static_kept = 0;
  std::int64_t dynamic_available = 0;  ///< over all frames
  std::int64_t dynamic_kept = 0;
  std::int64_t budget = 0;               ///< tokens that were allowed
  stream::TokenBatch tokens;             ///< [n], exactly as many as were granted
  std::vector<std::int32_t> assignment;  ///< [frames,S] row in `tokens`, or a stream::DropReason
  std::vector<float> similarity;        ///< [frames,S] cosine to the frame before; NaN if undefined
  std::vector<std::uint8_t> redundant;  ///< [frames,S] 1 if redundant to the frame before
  std::vector<double> pts;              ///< [frames] seconds
  stream::RunningTotals totals;         ///< since the start, this segment included

  [[nodiscard]] std::int64_t available() const noexcept {
    return static_positions + dynamic_available;
  }
};

/// Memory: a stream holds at most `latency` frames; a recording holds all of them until its
/// segments are taken. Buffers are reused.
class VideoReducer {
 public:
  /// `source`: whose frames these are; its grid may be left empty. Throws sluice::Error for options
  /// that are out of range or don't go together (a total budget or parity rounding needs the whole
  /// recording).
  VideoReducer(kernels::Resources& resources, const stream::Source& source,
               const VideoReducerOptions& options);

  /// Takes the frame's tensors. Used memory is left in `features`, so that a loop allocates
  /// nothing; attention and semantic scores are left undefined. All frames have the shape and type
  /// of the first one; throws sluice::Error otherwise, and is as it was before.
  ///
  /// Borrowed features (kernels::Tensor::borrow) are held, and must not change, until their segment
  /// has left; those of the newest frame until the next one is there, or the end of the stream.
  void push(stream::FeatureFrame& frame);
  /// No more frames: push() throws from now on.
  void finish();
  /// Fills `segment`, reusing its memory; false if none is certain yet. If it throws, for want of
  /// memory, the segment is lost and the stream goes on.
  [[nodiscard]] bool next(ReducedSegment& segment);

  [[nodiscard]] std::int64_t frames() const noexcept { return frames_pushed_; }
  [[nodiscard]] const stream::RunningTotals& totals() const noexcept { return totals_; }

 private:
  struct Waiting {
    stream::FeatureFrame frame;
    kernels::BitMask redundant;
    std::vector<std::uint8_t> redundant_flags;  // [S]
    std::vector<float> similarity;              // [S]
    std::vector<std::uint8_t> finite;           // [S]
  };

  void require_like_first(const stream::FeatureFrame& frame) const;
  void settle_grid();
  [[nodiscard]] Waiting fresh();
  [[nodiscard]] SegmentSupply supply(const Segment& segment,
                                     kernels::BitMask& static_positions) const;
  [[nodiscard]] const Waiting& waiting(std::int64_t frame) const {
    return waiting_[static_cast<std::size_t>(frame - first_waiting_)];
  }
  void share_whole_recording();
  void emit(const Segment& segment, const kernels::BitMask& static_positions,
            const SegmentSupply& supply, const SegmentQuota& quota, std::int64_t budget,
            ReducedSegment& out);
  void release(const Segment& segment) noexcept;

  /// Releases at the end of a scope.
  struct Release {
    VideoReducer& reducer;
    const Segment& segment;
    ~Release() { reducer.release(segment); }
  };

  kernels::Resources& resources_;
  stream::Source source_;
  VideoReducerOptions options_;
  SegmentMerger merger_;
  std::optional<Segmenter> segmenter_;
  std::optional<CausalBudget> budget_;
  std::deque<Waiting> waiting_;
  std::vector<Waiting> spare_;
  std::int64_t first_waiting_ = 0;
  std::int64_t frames_pushed_ = 0;
  std::int64_t positions_ = 0;
  bool finished_ = false;
  kernels::Tensor previous_;  // features of the last frame, should its segment have left
  bool has_previous_ = false;
  std::deque<Segment> recording_segments_;  // recordings: known after finish()
  std::deque<SegmentQuota> recording_quotas_;
  stream::RunningTotals totals_;
  std::vector<SegmentFrame> segment_frames_;
};

}  // namespace sluice::temporal
