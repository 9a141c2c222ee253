// The output rows of a clip, in order, from what was selected in each of its segments: columns,
// assignment, and where each row's features come from. Knows nothing of where the features lie.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/bit_mask.h"
#include "stream/token_batch.h"
#include "temporal/parameters.h"
#include "temporal/segmenter.h"

namespace sluice::temporal {

/// Clusters of one set of rows: a segment's static positions, or a frame's dynamic ones that are
/// left. Spans outlive the call.
struct ClusteredPositions {
  std::span<const std::int32_t> positions;  ///< [n] ascending
  std::span<const std::int32_t> centres;    ///< [C] index into positions, ascending
  std::span<const float> centre_score;      ///< [C]
  std::span<const std::int32_t> cluster;    ///< [n] index into centres
};

/// What a frame keeps of its dynamic positions.
struct FrameSelection {
  std::span<const std::int32_t> dominant;  ///< positions, ascending
  std::span<const float> dominant_score;   ///< of each
  std::int64_t sound = 0;                  ///< dynamic positions there were that are finite
  bool by_attention = false;               ///< else by saliency
  ClusteredPositions contextual;           ///< of the others; may be empty
  std::span<const std::int32_t> broken;    ///< positions that are not finite and kept all the same
};

struct SegmentSelection {
  Segment segment;
  const kernels::BitMask* static_positions = nullptr;
  ClusteredPositions statics;              ///< no centres: they are dropped
  std::span<const FrameSelection> frames;  ///< [frames]
};

/// Collects rows segment by segment. Clusters of either kind are numbered in the order in which
/// they come.
class ClipRows {
 public:
  /// finite: [F,S] flags of the clip. They, the tokens and the assignment [F,S] outlive the object;
  /// the columns of `tokens` have room for all rows (see `resize`).
  ClipRows(std::int64_t positions, TokenOrder order, std::span<const std::uint8_t> finite,
           stream::TokenBatch& tokens, std::span<std::int32_t> assignment);

  void add(const SegmentSelection& selection);

  /// A copy of an input row.
  struct Copy {
    std::int64_t token;  ///< frame · S + position
    std::int64_t row;
  };
  [[nodiscard]] std::span<const Copy> copies() const noexcept { return copies_; }
  /// The row of each cluster of static positions, or of contextual (dynamic) ones.
  [[nodiscard]] std::span<const std::int64_t> cluster_rows(stream::TokenKind kind) const noexcept {
    return kind == stream::TokenKind::static_ ? static_rows_ : contextual_rows_;
  }
  [[nodiscard]] std::int64_t size() const noexcept { return size_; }

 private:
  struct Row {
    std::int64_t frame, last_frame;
    std::int32_t position;
    std::int64_t weight;
    float score;
    stream::TokenKind kind;
    stream::KeepReason reason;
    std::int64_t cluster;  // among those of its kind; −1: a copy
  };

  void drop_static(const SegmentSelection& selection, stream::DropReason reason);
  void drop_dynamic(const SegmentSelection& selection);
  void add_clusters(const ClusteredPositions& clusters, std::int64_t first_frame,
                    std::int64_t last_frame, stream::TokenKind kind, stream::KeepReason reason);
  void add_frame(const FrameSelection& frame, std::int64_t index);
  void write();
  [[nodiscard]] std::vector<std::int64_t>& rows_of(stream::TokenKind kind) {
    return kind == stream::TokenKind::static_ ? static_rows_ : contextual_rows_;
  }

  std::int64_t positions_;
  TokenOrder order_;
  std::span<const std::uint8_t> finite_;
  stream::TokenBatch& tokens_;
  std::span<std::int32_t> assignment_;
  std::int64_t size_ = 0;
  std::vector<Row> rows_;  // of the segment that is being added
  struct Member {
    std::int64_t token, cluster;
    stream::TokenKind kind;
  };
  std::vector<Member> members_;  // of its clusters
  std::vector<Copy> copies_;
  std::vector<std::int64_t> static_rows_, contextual_rows_;
};

}  // namespace sluice::temporal
