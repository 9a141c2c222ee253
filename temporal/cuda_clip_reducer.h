// HoliTom's outer stage on one clip that lies on a CUDA device (arXiv 2505.21334): features in, an
// exactly counted set of tokens out, and neither leaves the device. Built where a CUDA compiler was
// found.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/bit_mask.h"
#include "kernels/cuda/device_tensor.h"
#include "kernels/cuda/redundancy.h"
#include "kernels/cuda/stream_resources.h"
#include "stream/token_batch.h"
#include "temporal/budget.h"
#include "temporal/parameters.h"
#include "temporal/segmenter.h"

namespace sluice::temporal {

class ClipRows;

/// temporal::Reduction of a clip on a device. Reuse the object: its memory is kept.
struct CudaReduction {
  kernels::cuda::DeviceTensor features;  ///< [N,D] the tokens', on the device
  /// All else of the tokens, on the host. Its own features are [N,0]: they are above.
  stream::TokenBatch tokens;
  std::vector<Segment> segments;
  std::vector<std::int32_t> assignment;  ///< [F,S] output row, or a stream::DropReason
  std::int64_t frames = 0;
  std::int64_t positions = 0;
  std::int64_t available = 0;   ///< tokens left after merging static positions over time
  std::int64_t non_finite = 0;  ///< input tokens with NaN or infinity
};

/// Gives what ClipReducer gives: the same tokens in the same order, and features, scores and
/// columns bit for bit, but for centre_score where the standard library's exp() rounds otherwise
/// than kernels::exponential.
///
/// Masks, one bit per token, cross to the host, where the segmentation and the budget are decided;
/// then what was selected, a few bytes per kept or static token; features never do. The host waits
/// for the device three times: for the masks, for the selection, and at the end; once more with
/// contextual tokens.
class CudaClipReducer {
 public:
  /// The resources must outlive the reducer. Throws sluice::Error (kind input) for parameters out
  /// of range.
  CudaClipReducer(kernels::cuda::StreamResources& resources, const HolitomParameters& parameters);

  /// features [F,S,D] f32, f16 or bf16, attention [F,S] f32 or undefined (then saliency ranks
  /// dynamic tokens): contiguous, on the resources' device. F, S, D ≥ 1. Throws sluice::Error: kind
  /// input otherwise, kind system where CUDA fails.
  void reduce(const kernels::TensorView& features, const kernels::TensorView& attention,
              CudaReduction& result);

 private:
  struct Selection;  // what is known of one call's tokens
  [[nodiscard]] bool keeps_static(std::size_t segment) const;
  void segment(const kernels::cuda::RedundancyMap& map, CudaReduction& result);
  void plan(Selection& selection) const;
  void select(const kernels::TensorView& features, const kernels::TensorView& attention,
              const kernels::cuda::RedundancyMap& map, Selection& selection);
  void cluster_contextual(const kernels::TensorView& features, Selection& selection);
  void lay_out(const Selection& selection, ClipRows& rows) const;
  void write(const kernels::TensorView& features, const Selection& selection,
             CudaReduction& result);

  kernels::cuda::StreamResources& resources_;
  HolitomParameters parameters_;
  std::vector<std::uint8_t> finite_;                // [F,S]
  std::vector<kernels::BitMask> static_positions_;  // per segment
  std::vector<SegmentQuota> quotas_;
};

}  // namespace sluice::temporal
