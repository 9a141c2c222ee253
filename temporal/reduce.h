// HoliTom's outer stage on one clip: features in, an exactly counted set of tokens out
// (arXiv 2505.21334).
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/redundancy.h"
#include "kernels/resources.h"
#include "stream/token_batch.h"
#include "temporal/parameters.h"
#include "temporal/segment_merger.h"
#include "temporal/segmenter.h"

namespace sluice::temporal {

/// What one clip became. Reuse the object: its memory is kept.
struct Reduction {
  stream::TokenBatch tokens;  ///< in output order; pts are frame numbers, the grid is the squarest
  std::vector<Segment> segments;
  std::vector<std::int32_t> assignment;  ///< [F,S] output row, or a stream::DropReason
  kernels::RedundancyMap redundancy;
  std::int64_t frames = 0;
  std::int64_t positions = 0;
  std::int64_t available = 0;   ///< tokens left after merging static positions over time
  std::int64_t non_finite = 0;  ///< input tokens with NaN or infinity
};

/// Reduces clips; keeps scratch memory between calls.
class ClipReducer {
 public:
  ClipReducer(kernels::Resources& resources, const HolitomParameters& parameters);

  /// features [F,S,D] f32, f16 or bf16; attention [F,S] f32, or undefined (then a saliency from the
  /// features ranks dynamic tokens). F, S, D ≥ 1. Throws sluice::Error otherwise.
  void reduce(const kernels::TensorView& features, const kernels::TensorView& attention,
              Reduction& result);

 private:
  void segment(std::int64_t frames, std::int64_t positions, Reduction& result);

  kernels::Resources& resources_;
  HolitomParameters parameters_;
  SegmentMerger merger_;
  std::vector<kernels::TensorView> frames_;
  std::vector<kernels::BitMask> masks_;             // [F−1] pair f: frames f and f+1
  std::vector<kernels::BitMask> static_positions_;  // per segment
  std::vector<SegmentSupply> supplies_;
  std::vector<SegmentFrame> segment_frames_;
};

/// One call for one clip.
[[nodiscard]] Reduction reduce(kernels::Resources& resources, const kernels::TensorView& features,
                               const kernels::TensorView& attention,
                               const HolitomParameters& parameters);

/// What segment offers: static_positions are those redundant throughout it; finite(f) gives the
/// flags [S] of its f-th frame.
template <typename Finite>
[[nodiscard]] SegmentSupply supply_of(const Segment& segment,
                                      const kernels::BitMask& static_positions, Finite&& finite) {
  SegmentSupply supply;
  supply.segment = segment;
  supply.static_tokens = static_positions.count();
  for (std::int64_t f = 0; f < segment.frames(); ++f) {
    const std::uint8_t* flags = finite(f);
    std::int64_t sound = 0;
    static_positions.for_each_clear([&](std::int64_t p) { sound += flags[p] != 0; });
    supply.dynamic_tokens.push_back(sound);
    supply.broken_tokens.push_back(static_positions.size() - supply.static_tokens - sound);
  }
  return supply;
}

}  // namespace sluice::temporal
