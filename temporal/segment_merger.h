// One segment's tokens: static positions merged over time and then clustered, dynamic ones selected
// frame by frame (HoliTom, arXiv 2505.21334, §3.3).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/bit_mask.h"
#include "kernels/density_peaks.h"
#include "kernels/resources.h"
#include "kernels/row_operations.h"
#include "stream/token_batch.h"
#include "temporal/budget.h"

namespace sluice::temporal {

/// One frame of a segment. Pointers are to S entries each and outlive the call.
struct SegmentFrame {
  kernels::TensorView features;       ///< [S,D]
  const float* attention = nullptr;   ///< attention received; null: saliency from the features
  const float* similarity = nullptr;  ///< cosine to the frame before, NaN if undefined; may be null
  const std::uint8_t* finite = nullptr;
  double pts = 0;  ///< seconds
};

/// Reuses its scratch memory from segment to segment.
class SegmentMerger {
 public:
  SegmentMerger(kernels::Resources& resources, const HolitomParameters& parameters)
      : resources_(resources), parameters_(parameters) {}

  /// Writes quota.total() tokens into rows first_row … of `tokens`, which must be large enough
  /// (see `resize`), and for every input token its output row or a stream::DropReason.
  /// assignment: [frames,S].
  void merge(const Segment& segment, std::span<const SegmentFrame> frames,
             const kernels::BitMask& static_positions, const SegmentQuota& quota,
             std::int64_t first_row, stream::TokenBatch& tokens,
             std::span<std::int32_t> assignment);

 private:
  struct Task;  // the arguments of one call
  /// An output row in the making.
  struct Row {
    std::int32_t frame;  // within the segment
    std::int32_t position;
    std::int64_t weight;
    float score;
    stream::TokenKind kind;
    stream::KeepReason reason;
    std::int32_t cluster;  // in `merged_`, or −1: a copy of the input row
  };

  void merge_static(const Task& task);
  void select_dynamic(const Task& task, std::int32_t frame);
  void score_frame(const Task& task, std::int32_t frame);
  void select_dominant(const Task& task, std::int32_t frame, std::int64_t count);
  void cluster_contextual(const Task& task, std::int32_t frame, std::int64_t count);
  void add_clusters(const Task& task, std::span<const float> rows,
                    std::span<const std::int32_t> positions, std::int32_t frame,
                    stream::TokenKind kind, stream::KeepReason reason);
  void write(const Task& task);

  kernels::Resources& resources_;
  HolitomParameters parameters_;
  kernels::DensityPeaksWorkspace workspace_;
  kernels::DensityPeaks peaks_;
  std::vector<kernels::TensorView> views_;
  std::vector<std::int32_t> positions_;   // static positions, or a frame's dynamic ones
  std::vector<std::int32_t> candidates_;  // dynamic positions left for clustering
  std::vector<std::int32_t> chosen_;
  std::vector<float> scores_;        // [S]
  std::vector<float> ranked_;        // of positions_
  std::vector<float> cluster_rows_;  // [n,D] rows to be clustered
  std::vector<std::int64_t> output_rows_;
  kernels::Tensor merged_;  // [clusters,D] in the output's type
  std::vector<Row> rows_;
  std::vector<std::int32_t> cluster_of_;  // [frames,S] cluster in `merged_`, or −1
};

/// Gives `tokens` room for `rows` tokens of `width` features and of one type.
void resize(stream::TokenBatch& tokens, std::int64_t rows, kernels::DType dtype,
            std::int64_t width);

}  // namespace sluice::temporal
