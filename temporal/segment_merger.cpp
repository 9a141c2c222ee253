#include "temporal/segment_merger.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "kernels/rounding.h"
#include "kernels/top_k.h"

namespace sluice::temporal {

using stream::DropReason;
using stream::KeepReason;
using stream::TokenKind;

struct SegmentMerger::Task {
  const Segment& segment;
  std::span<const SegmentFrame> frames;
  const kernels::BitMask& static_positions;
  const SegmentQuota& quota;
  std::int64_t first_row;
  stream::TokenBatch& tokens;
  std::span<std::int32_t> assignment;

  [[nodiscard]] std::int64_t positions() const { return static_positions.size(); }
  [[nodiscard]] std::int64_t width() const { return frames[0].features.size(1); }
  [[nodiscard]] const SegmentFrame& frame(std::int32_t index) const {
    return frames[static_cast<std::size_t>(index)];
  }
  [[nodiscard]] std::size_t entry(std::int64_t frame, std::int64_t position) const {
    return static_cast<std::size_t>(frame * positions() + position);
  }
};

namespace {

std::size_t row_bytes(const kernels::TensorView& frame) {
  return static_cast<std::size_t>(frame.size(1)) * kernels::item_size(frame.dtype());
}

constexpr float lowest = std::numeric_limits<float>::lowest();

}  // namespace

void SegmentMerger::merge(const Segment& segment, std::span<const SegmentFrame> frames,
                          const kernels::BitMask& static_positions, const SegmentQuota& quota,
                          std::int64_t first_row, stream::TokenBatch& tokens,
                          std::span<std::int32_t> assignment) {
  const Task task{segment, frames, static_positions, quota, first_row, tokens, assignment};
  rows_.clear();
  cluster_of_.assign(assignment.size(), -1);
  merged_.reshape(frames[0].features.dtype(), {quota.total(), task.width()});
  output_rows_.clear();
  std::fill(assignment.begin(), assignment.end(),
            static_cast<std::int32_t>(DropReason::not_selected));

  merge_static(task);
  for (std::int32_t frame = 0; frame < static_cast<std::int32_t>(frames.size()); ++frame) {
    select_dynamic(task, frame);
    if (frame == 0 && parameters_.order == TokenOrder::spatial)
      std::sort(rows_.begin(), rows_.end(),
                [](const Row& a, const Row& b) { return a.position < b.position; });
  }
  write(task);
}

void SegmentMerger::merge_static(const Task& task) {
  positions_.clear();
  task.static_positions.for_each_set(
      [&](std::int64_t p) { positions_.push_back(static_cast<std::int32_t>(p)); });
  if (positions_.empty()) return;
  const std::int64_t kept = task.quota.static_tokens;
  if (kept == 0) {
    for (std::size_t f = 0; f < task.frames.size(); ++f)
      for (const auto p : positions_)
        task.assignment[task.entry(static_cast<std::int64_t>(f), p)] =
            static_cast<std::int32_t>(DropReason::no_centre);
    return;
  }
  views_.clear();
  for (const auto& frame : task.frames) views_.push_back(frame.features);
  cluster_rows_.resize(positions_.size() * static_cast<std::size_t>(task.width()));
  kernels::mean_over_frames(resources_, views_, positions_, cluster_rows_);

  const kernels::TensorView rows(cluster_rows_.data(), kernels::DType::f32,
                                 {static_cast<std::int64_t>(positions_.size()), task.width()});
  kernels::density_peaks(resources_, rows, kept, parameters_.neighbours, workspace_, peaks_);
  add_clusters(task, cluster_rows_, positions_, -1, TokenKind::static_, KeepReason::merged);
}

/// Blends the clusters in `peaks_` into `merged_` and plans a row for each. frame −1: the rows
/// stand for their positions in all frames.
void SegmentMerger::add_clusters(const Task& task, std::span<const float> rows,
                                 std::span<const std::int32_t> positions, std::int32_t frame,
                                 TokenKind kind, KeepReason reason) {
  const auto first_cluster = static_cast<std::int32_t>(output_rows_.size());
  const std::int64_t frames = frame < 0 ? static_cast<std::int64_t>(task.frames.size()) : 1;
  const std::size_t first_row = rows_.size();
  for (std::size_t c = 0; c < peaks_.centres.size(); ++c) {
    output_rows_.push_back(first_cluster + static_cast<std::int32_t>(c));
    rows_.push_back({std::max(frame, 0), positions[static_cast<std::size_t>(peaks_.centres[c])], 0,
                     peaks_.centre_score[c], kind, reason,
                     first_cluster + static_cast<std::int32_t>(c)});
  }
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const std::int32_t cluster = peaks_.cluster[i];
    rows_[first_row + static_cast<std::size_t>(cluster)].weight += frames;
    for (std::int64_t f = std::max(frame, 0); f < std::max(frame, 0) + frames; ++f)
      cluster_of_[task.entry(f, positions[i])] = first_cluster + cluster;
  }
  kernels::blend_clusters(resources_, rows, task.width(), peaks_.centres, peaks_.cluster,
                          {parameters_.beta, parameters_.plain_mean},
                          std::span(output_rows_).subspan(static_cast<std::size_t>(first_cluster)),
                          merged_);
}

/// scores_[p] for every position of the frame: attention, or how much a token stands out from its
/// frame and from what was there before.
void SegmentMerger::score_frame(const Task& task, std::int32_t index) {
  const SegmentFrame& frame = task.frame(index);
  const auto positions = static_cast<std::size_t>(task.positions());
  scores_.resize(positions);
  if (frame.attention != nullptr) {
    std::copy_n(frame.attention, positions, scores_.begin());
    return;
  }
  kernels::distinctness(resources_, frame.features, {frame.finite, positions}, scores_);
  if (frame.similarity == nullptr) return;
  for (std::size_t p = 0; p < positions; ++p)
    if (!std::isnan(frame.similarity[p])) scores_[p] += 1.0f - frame.similarity[p];
}

void SegmentMerger::select_dynamic(const Task& task, std::int32_t index) {
  const SegmentFrame& frame = task.frame(index);
  const std::int64_t count = task.quota.dynamic_tokens[static_cast<std::size_t>(index)];
  std::vector<std::int32_t> broken;
  positions_.clear();
  task.static_positions.for_each_clear([&](std::int64_t p) {
    auto& list = frame.finite[p] != 0 ? positions_ : broken;
    list.push_back(static_cast<std::int32_t>(p));
    if (frame.finite[p] == 0)
      task.assignment[task.entry(index, p)] = static_cast<std::int32_t>(DropReason::non_finite);
  });
  if (count == 0) return;

  const auto finite = static_cast<std::int64_t>(positions_.size());
  const std::int64_t sound = std::min(count, finite);
  const std::int64_t dominant =
      kernels::round_half_even(static_cast<double>(sound) * (1.0 - parameters_.contextual));
  score_frame(task, index);
  const auto first_row = static_cast<std::ptrdiff_t>(rows_.size());
  select_dominant(task, index, dominant);
  if (sound > dominant) cluster_contextual(task, index, sound - dominant);
  for (std::int64_t i = 0; i < count - sound; ++i)
    rows_.push_back({index, broken[static_cast<std::size_t>(i)], 1, 0.0f, TokenKind::dynamic,
                     KeepReason::everything, -1});
  // Broken tokens take their places among the others only where these are in order themselves.
  if (count > sound && sound == dominant)
    std::sort(rows_.begin() + first_row, rows_.end(),
              [](const Row& a, const Row& b) { return a.position < b.position; });
}

/// The `count` best of positions_ by score, ascending; the others become candidates_.
void SegmentMerger::select_dominant(const Task& task, std::int32_t index, std::int64_t count) {
  ranked_.resize(positions_.size());
  for (std::size_t i = 0; i < positions_.size(); ++i) {
    ranked_[i] = scores_[static_cast<std::size_t>(positions_[i])];
  }
  kernels::top_k(ranked_, count, chosen_);
  const bool everything = chosen_.size() == positions_.size();
  const KeepReason reason = everything                               ? KeepReason::everything
                            : task.frame(index).attention != nullptr ? KeepReason::attention
                                                                     : KeepReason::saliency;
  candidates_.clear();
  std::size_t next = 0;
  for (std::size_t i = 0; i < positions_.size(); ++i) {
    if (next < chosen_.size() && static_cast<std::size_t>(chosen_[next]) == i) {
      ++next;
      const float score = std::isnan(ranked_[i]) ? lowest : ranked_[i];
      rows_.push_back({index, positions_[i], 1, score, TokenKind::dynamic, reason, -1});
    } else {
      candidates_.push_back(positions_[i]);
    }
  }
}

void SegmentMerger::cluster_contextual(const Task& task, std::int32_t index, std::int64_t count) {
  const kernels::TensorView& features = task.frame(index).features;
  cluster_rows_.resize(candidates_.size() * static_cast<std::size_t>(task.width()));
  kernels::gather_rows(resources_, features, candidates_, cluster_rows_);
  const kernels::TensorView rows(cluster_rows_.data(), kernels::DType::f32,
                                 {static_cast<std::int64_t>(candidates_.size()), task.width()});
  kernels::density_peaks(resources_, rows, count, parameters_.neighbours, workspace_, peaks_);
  add_clusters(task, cluster_rows_, candidates_, index, TokenKind::dynamic, KeepReason::contextual);
}

void SegmentMerger::write(const Task& task) {
  const std::size_t bytes = row_bytes(task.frames[0].features);
  auto* features = static_cast<std::byte*>(task.tokens.features.data());
  const auto last_frame = static_cast<std::int32_t>(task.segment.last);
  stream::TokenBatch& tokens = task.tokens;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const Row& row = rows_[i];
    const std::size_t out = static_cast<std::size_t>(task.first_row) + i;
    const bool spans_segment = row.kind == TokenKind::static_;
    const auto frame = static_cast<std::int32_t>(task.segment.first) + row.frame;
    tokens.key[out] = row.position;
    tokens.frame[out] = frame;
    tokens.frame_last[out] = spans_segment ? last_frame : frame;
    tokens.pts[out] = task.frame(row.frame).pts;
    tokens.pts_last[out] = spans_segment ? task.frames.back().pts : tokens.pts[out];
    tokens.position[out] = row.position;
    tokens.weight[out] = row.weight;
    tokens.score[out] = row.score;
    tokens.kind[out] = static_cast<std::uint8_t>(row.kind);
    tokens.reason[out] = static_cast<std::uint8_t>(row.reason);
    if (row.cluster >= 0)
      output_rows_[static_cast<std::size_t>(row.cluster)] = static_cast<std::int64_t>(out);
    else
      task.assignment[task.entry(row.frame, row.position)] = static_cast<std::int32_t>(out);
  }
  for (std::size_t entry = 0; entry < cluster_of_.size(); ++entry)
    if (cluster_of_[entry] >= 0)
      task.assignment[entry] =
          static_cast<std::int32_t>(output_rows_[static_cast<std::size_t>(cluster_of_[entry])]);

  constexpr std::int64_t rows_per_task = 32;
  const auto count = static_cast<std::int64_t>(rows_.size());
  resources_.pool().parallel_for(
      (count + rows_per_task - 1) / rows_per_task, [&](std::int64_t chunk, int) {
        const std::int64_t end = std::min((chunk + 1) * rows_per_task, count);
        for (std::int64_t i = chunk * rows_per_task; i < end; ++i) {
          const Row& row = rows_[static_cast<std::size_t>(i)];
          const std::byte* source = row.cluster >= 0
                                        ? merged_.view().row(row.cluster)
                                        : task.frame(row.frame).features.row(row.position);
          std::memcpy(features + static_cast<std::size_t>(task.first_row + i) * bytes, source,
                      bytes);
        }
      });
}

void resize(stream::TokenBatch& tokens, std::int64_t rows, kernels::DType dtype,
            std::int64_t width) {
  const auto n = static_cast<std::size_t>(rows);
  tokens.features.reshape(dtype, {rows, width});
  tokens.key.resize(n);
  tokens.frame.resize(n);
  tokens.frame_last.resize(n);
  tokens.pts.resize(n);
  tokens.pts_last.resize(n);
  tokens.position.resize(n);
  tokens.xyz.clear();
  tokens.weight.resize(n);
  tokens.score.resize(n);
  tokens.kind.resize(n);
  tokens.reason.resize(n);
}

}  // namespace sluice::temporal
