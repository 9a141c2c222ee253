#include "temporal/clip_rows.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sluice::temporal {

using stream::DropReason;
using stream::KeepReason;
using stream::TokenKind;

namespace {

template <typename Value>
Value at(std::span<const Value> values, std::int64_t index) {
  return values[static_cast<std::size_t>(index)];
}

bool is_lower(const auto& a, const auto& b) {
  return a.position < b.position;
}

}  // namespace

ClipRows::ClipRows(std::int64_t positions, TokenOrder order, std::span<const std::uint8_t> finite,
                   stream::TokenBatch& tokens, std::span<std::int32_t> assignment)
    : positions_(positions),
      order_(order),
      finite_(finite),
      tokens_(tokens),
      assignment_(assignment) {}

void ClipRows::add(const SegmentSelection& selection) {
  rows_.clear();
  members_.clear();
  const Segment& segment = selection.segment;
  drop_static(selection,
              selection.statics.centres.empty() ? DropReason::no_centre : DropReason::not_selected);
  drop_dynamic(selection);
  add_clusters(selection.statics, segment.first, segment.last, TokenKind::static_,
               KeepReason::merged);
  for (std::int64_t f = 0; f < segment.frames(); ++f) {
    add_frame(at(selection.frames, f), segment.first + f);
    if (f == 0 && order_ == TokenOrder::spatial)
      std::sort(rows_.begin(), rows_.end(), is_lower<Row, Row>);
  }
  write();
}

/// What nothing else is said about.
void ClipRows::drop_static(const SegmentSelection& selection, DropReason reason) {
  selection.static_positions->for_each_set([&](std::int64_t p) {
    for (std::int64_t f = selection.segment.first; f <= selection.segment.last; ++f)
      assignment_[static_cast<std::size_t>(f * positions_ + p)] = static_cast<std::int32_t>(reason);
  });
}

void ClipRows::drop_dynamic(const SegmentSelection& selection) {
  selection.static_positions->for_each_clear([&](std::int64_t p) {
    for (std::int64_t f = selection.segment.first; f <= selection.segment.last; ++f) {
      const auto token = static_cast<std::size_t>(f * positions_ + p);
      assignment_[token] = static_cast<std::int32_t>(finite_[token] != 0 ? DropReason::not_selected
                                                                         : DropReason::non_finite);
    }
  });
}

void ClipRows::add_clusters(const ClusteredPositions& clusters, std::int64_t first_frame,
                            std::int64_t last_frame, TokenKind kind, KeepReason reason) {
  if (clusters.centres.empty()) return;
  const auto first_row = rows_.size();
  std::vector<std::int64_t>& cluster_rows = rows_of(kind);
  const auto first_cluster = static_cast<std::int64_t>(cluster_rows.size());
  for (std::size_t c = 0; c < clusters.centres.size(); ++c) {
    rows_.push_back({first_frame, last_frame, at(clusters.positions, clusters.centres[c]), 0,
                     clusters.centre_score[c], kind, reason,
                     first_cluster + static_cast<std::int64_t>(c)});
    cluster_rows.push_back(-1);  // until the rows are in order
  }
  for (std::size_t i = 0; i < clusters.positions.size(); ++i) {
    const std::int32_t cluster = clusters.cluster[i];
    rows_[first_row + static_cast<std::size_t>(cluster)].weight += last_frame - first_frame + 1;
    for (std::int64_t f = first_frame; f <= last_frame; ++f)
      members_.push_back({f * positions_ + clusters.positions[i], first_cluster + cluster, kind});
  }
}

void ClipRows::add_frame(const FrameSelection& frame, std::int64_t index) {
  const auto first_row = static_cast<std::ptrdiff_t>(rows_.size());
  const auto dominant = static_cast<std::int64_t>(frame.dominant.size());
  const KeepReason reason = dominant == frame.sound ? KeepReason::everything
                            : frame.by_attention    ? KeepReason::attention
                                                    : KeepReason::saliency;
  for (std::size_t i = 0; i < frame.dominant.size(); ++i) {
    const float score = frame.dominant_score[i];
    rows_.push_back({index, index, frame.dominant[i], 1,
                     std::isnan(score) ? std::numeric_limits<float>::lowest() : score,
                     TokenKind::dynamic, reason, -1});
  }
  add_clusters(frame.contextual, index, index, TokenKind::dynamic, KeepReason::contextual);
  for (const std::int32_t position : frame.broken)
    rows_.push_back(
        {index, index, position, 1, 0.0F, TokenKind::dynamic, KeepReason::everything, -1});
  // Broken tokens take their places among the others only where these are in order themselves.
  if (!frame.broken.empty() && frame.contextual.centres.empty())
    std::sort(rows_.begin() + first_row, rows_.end(), is_lower<Row, Row>);
}

void ClipRows::write() {
  for (const Row& row : rows_) {
    const auto out = static_cast<std::size_t>(size_);
    tokens_.key[out] = row.position;
    tokens_.frame[out] = static_cast<std::int32_t>(row.frame);
    tokens_.frame_last[out] = static_cast<std::int32_t>(row.last_frame);
    tokens_.pts[out] = static_cast<double>(row.frame);
    tokens_.pts_last[out] = static_cast<double>(row.last_frame);
    tokens_.position[out] = row.position;
    tokens_.weight[out] = row.weight;
    tokens_.score[out] = row.score;
    tokens_.kind[out] = static_cast<std::uint8_t>(row.kind);
    tokens_.reason[out] = static_cast<std::uint8_t>(row.reason);
    if (row.cluster >= 0) {
      rows_of(row.kind)[static_cast<std::size_t>(row.cluster)] = size_;
    } else {
      const std::int64_t token = row.frame * positions_ + row.position;
      copies_.push_back({token, size_});
      assignment_[static_cast<std::size_t>(token)] = static_cast<std::int32_t>(size_);
    }
    ++size_;
  }
  for (const Member& member : members_)
    assignment_[static_cast<std::size_t>(member.token)] =
        static_cast<std::int32_t>(rows_of(member.kind)[static_cast<std::size_t>(member.cluster)]);
}

}  // namespace sluice::temporal
