#include "temporal/cuda_clip_reducer.h"

#include <algorithm>
#include <span>

#include "kernels/cuda/row_operations.h"
#include "kernels/cuda/saliency.h"
#include "kernels/cuda/top_k.h"
#include "kernels/error.h"
#include "kernels/rounding.h"
#include "stream/grid.h"
#include "temporal/clip_rows.h"
#include "temporal/cuda_clustering.h"
#include "temporal/reduce.h"
#include "temporal/segment_merger.h"

namespace sluice::temporal {
namespace cuda = kernels::cuda;
namespace {

using kernels::DType;
using kernels::TensorView;

constexpr std::string_view where = "reduction on CUDA";

/// What a frame has, and what it keeps.
struct FramePlan {
  std::int64_t sound = 0;     ///< dynamic positions that are finite
  std::int64_t dominant = 0;  ///< of them, chosen by score
  std::int64_t contextual = 0;
  std::vector<std::int32_t> broken;  ///< that are kept all the same
};

void require_clip(const cuda::StreamResources& resources, const TensorView& features,
                  const TensorView& attention) {
  if (!attention.defined()) return;  // of the features, the redundancy map says the rest
  if (features.rank() != 3 || attention.rank() != 2 || attention.size(0) != features.size(0) ||
      attention.size(1) != features.size(1) || attention.dtype() != DType::f32)
    throw input_error(
        "attention",
        concat("is ", kernels::name(attention.dtype()), ' ', attention.shape().to_string()),
        concat("f32 with one value per token of features ", features.shape().to_string()));
  cuda::require_on_device(resources, attention, "attention");
}

/// Positions and words of the masks: position p is bit p mod 32 of word p / 32.
bool is_set(std::span<const std::uint32_t> words, std::int64_t position) {
  return (words[static_cast<std::size_t>(position / 32)] >> (position % 32) & 1U) != 0;
}

}  // namespace

struct CudaClipReducer::Selection {
  std::int64_t positions = 0, words = 0;
  std::span<const Segment> segments;
  std::vector<FramePlan> frames;        // [F]
  std::vector<std::uint32_t> eligible;  // [F,words] finite dynamic positions
  CudaClustering statics, contextual;
  std::vector<cuda::TopKList> lists;       // of frames with dominant tokens
  std::span<const std::int32_t> dominant;  // per list, one behind the other
  std::span<const float> dominant_score;
  bool by_attention = false;

  [[nodiscard]] std::int64_t dominant_count() const {
    return lists.empty() ? 0 : lists.back().first_output + lists.back().k;
  }
};

CudaClipReducer::CudaClipReducer(cuda::StreamResources& resources,
                                 const HolitomParameters& parameters)
    : resources_(resources), parameters_(parameters) {
  validate(parameters);
}

void CudaClipReducer::reduce(const TensorView& features, const TensorView& attention,
                             CudaReduction& result) {
  require_clip(resources_, features, attention);
  const cuda::StreamResources::Scratch scratch(resources_);
  const cuda::RedundancyMap map = cuda::redundancy_map(resources_, features, parameters_.tau);
  segment(map, result);
  Selection selection;
  selection.positions = map.positions;
  selection.words = map.words;
  selection.segments = result.segments;
  selection.by_attention = attention.defined();
  plan(selection);
  select(features, attention, map, selection);
  if (parameters_.contextual > 0) cluster_contextual(features, selection);
  write(features, selection, result);
}

/// Masks cross to the host, where segments and quotas are decided.
void CudaClipReducer::segment(const cuda::RedundancyMap& map, CudaReduction& result) {
  const auto redundant = resources_.host_copy(map.redundant, (map.frames - 1) * map.words);
  const auto finite = resources_.host_copy(map.finite, map.frames * map.words);
  resources_.wait(where);
  const auto words_of = [&](std::span<const std::uint32_t> words, std::int64_t frame) {
    return words.subspan(static_cast<std::size_t>(frame * map.words),
                         static_cast<std::size_t>(map.words));
  };
  finite_.resize(static_cast<std::size_t>(map.frames * map.positions));
  std::vector<kernels::BitMask> masks(static_cast<std::size_t>(map.frames),
                                      kernels::BitMask(map.positions));
  Segmenter segmenter(map.positions, {parameters_.max_window, 0});
  for (std::int64_t f = 0; f < map.frames; ++f) {
    kernels::BitMask& mask = masks[static_cast<std::size_t>(f)];
    for (std::int64_t p = 0; p < map.positions; ++p) {
      finite_[static_cast<std::size_t>(f * map.positions + p)] = is_set(words_of(finite, f), p);
      if (f > 0 && is_set(words_of(redundant, f - 1), p)) mask.set(p);
    }
    segmenter.push(mask);
  }
  segmenter.finish();

  result.segments.clear();
  static_positions_.clear();
  std::vector<SegmentSupply> supplies;
  while (const auto next = segmenter.next()) {
    kernels::BitMask constant(map.positions, next->frames() > 1);
    for (std::int64_t f = next->first + 1; f <= next->last; ++f)
      constant &= masks[static_cast<std::size_t>(f)];
    supplies.push_back(supply_of(*next, constant, [&](std::int64_t f) {
      return finite_.data() + (next->first + f) * map.positions;
    }));
    result.segments.push_back(*next);
    static_positions_.push_back(std::move(constant));
  }
  quotas_ = share_recording(supplies, map.positions, parameters_);
  result.frames = map.frames;
  result.positions = map.positions;
  result.available = map.frames * map.positions - segmenter.gain();
  result.non_finite = std::count(finite_.begin(), finite_.end(), 0);
}

bool CudaClipReducer::keeps_static(std::size_t segment) const {
  return quotas_[segment].static_tokens > 0;  // then there are static positions
}

/// What there is to choose from, and how much of it.
void CudaClipReducer::plan(Selection& selection) const {
  const std::int64_t positions = selection.positions;
  selection.frames.resize(finite_.size() / static_cast<std::size_t>(positions));
  selection.eligible.assign(selection.frames.size() * static_cast<std::size_t>(selection.words), 0);
  for (std::size_t s = 0; s < selection.segments.size(); ++s) {
    const Segment& segment = selection.segments[s];
    const kernels::BitMask& statics = static_positions_[s];
    if (keeps_static(s)) {
      statics.for_each_set(
          [&](std::int64_t p) { selection.statics.add_row(segment.first, segment.frames(), p); });
      selection.statics.problems.push_back({statics.count(), quotas_[s].static_tokens});
    }
    for (std::int64_t f = segment.first; f <= segment.last; ++f) {
      FramePlan& frame = selection.frames[static_cast<std::size_t>(f)];
      statics.for_each_clear([&](std::int64_t p) {
        if (finite_[static_cast<std::size_t>(f * positions + p)] == 0) {
          frame.broken.push_back(static_cast<std::int32_t>(p));
          return;
        }
        ++frame.sound;
        selection.eligible[static_cast<std::size_t>(f * selection.words + p / 32)] |= 1U
                                                                                      << (p % 32);
      });
      const std::int64_t count =
          quotas_[s].dynamic_tokens[static_cast<std::size_t>(f - segment.first)];
      const std::int64_t sound = std::min(count, frame.sound);
      frame.dominant =
          kernels::round_half_even(static_cast<double>(sound) * (1.0 - parameters_.contextual));
      frame.contextual = sound - frame.dominant;
      frame.broken.resize(static_cast<std::size_t>(count - sound));
      if (frame.dominant > 0)
        selection.lists.push_back({f * positions, positions, frame.dominant, f * selection.words,
                                   selection.dominant_count()});
    }
  }
}

/// Static positions are merged and clustered, dynamic ones ranked; what was chosen crosses to the
/// host.
void CudaClipReducer::select(const TensorView& features, const TensorView& attention,
                             const cuda::RedundancyMap& map, Selection& selection) {
  selection.statics.run(resources_, features, parameters_.neighbours);
  if (!selection.lists.empty()) {
    const std::uint32_t* eligible =
        resources_.device_copy(std::span<const std::uint32_t>(selection.eligible));
    const auto* scores = static_cast<const float*>(attention.data());
    if (!attention.defined()) {
      auto* saliency = resources_.device_array<float>(map.frames * map.positions);
      cuda::saliency(resources_, features, map, eligible, saliency);
      scores = saliency;
    }
    const std::int64_t count = selection.dominant_count();
    auto* indices = resources_.device_array<std::int32_t>(count);
    auto* chosen_scores = resources_.device_array<float>(count);
    cuda::top_k(resources_, scores, eligible, selection.lists, indices, chosen_scores);
    selection.dominant = resources_.host_copy<std::int32_t>(indices, count);
    selection.dominant_score = resources_.host_copy<float>(chosen_scores, count);
  }
  resources_.wait(where);
}

/// Clusters what the frames' dominant tokens have left.
void CudaClipReducer::cluster_contextual(const TensorView& features, Selection& selection) {
  std::size_t next = 0;
  for (std::size_t f = 0; f < selection.frames.size(); ++f) {
    const FramePlan& frame = selection.frames[f];
    auto* words = selection.eligible.data() + f * static_cast<std::size_t>(selection.words);
    for (std::int64_t i = 0; i < frame.dominant; ++i) {
      const std::int32_t position = selection.dominant[next++];
      words[position / 32] &= ~(1U << (position % 32));
    }
    if (frame.contextual == 0) continue;
    for (std::int64_t p = 0; p < selection.positions; ++p)
      if ((words[p / 32] >> (p % 32) & 1U) != 0)
        selection.contextual.add_row(static_cast<std::int64_t>(f), 1, p);
    selection.contextual.problems.push_back({frame.sound - frame.dominant, frame.contextual});
  }
  selection.contextual.run(resources_, features, parameters_.neighbours);
  resources_.wait(where);
}

/// Columns and assignment, from what was selected.
void CudaClipReducer::lay_out(const Selection& selection, ClipRows& rows) const {
  ClusterReader statics(selection.statics), contextual(selection.contextual);
  std::vector<FrameSelection> frames;
  std::size_t dominant = 0;
  for (std::size_t s = 0; s < selection.segments.size(); ++s) {
    SegmentSelection part{selection.segments[s], &static_positions_[s], {}, {}};
    if (keeps_static(s)) part.statics = statics.next();
    frames.clear();
    for (std::int64_t f = part.segment.first; f <= part.segment.last; ++f) {
      const FramePlan& plan = selection.frames[static_cast<std::size_t>(f)];
      const auto count = static_cast<std::size_t>(plan.dominant);
      FrameSelection frame;
      frame.dominant = selection.dominant.subspan(dominant, count);
      frame.dominant_score = selection.dominant_score.subspan(dominant, count);
      dominant += count;
      frame.sound = plan.sound;
      frame.by_attention = selection.by_attention;
      if (plan.contextual > 0) frame.contextual = contextual.next();
      frame.broken = plan.broken;
      frames.push_back(frame);
    }
    part.frames = frames;
    rows.add(part);
  }
}

void CudaClipReducer::write(const TensorView& features, const Selection& selection,
                            CudaReduction& result) {
  std::int64_t kept = 0;
  for (const auto& quota : quotas_) kept += quota.total();
  const std::int64_t width = features.size(2);
  resize(result.tokens, kept, features.dtype(), 0);
  stream::Source& source = result.tokens.source;
  const auto grid = stream::squarest_grid(static_cast<std::int32_t>(selection.positions));
  source.grid_rows = grid.rows;
  source.grid_cols = grid.cols;
  source.feature_width = static_cast<std::int32_t>(width);
  result.assignment.resize(finite_.size());
  result.features.move_to(resources_.device());
  result.features.reshape(features.dtype(), {kept, width});

  ClipRows rows(selection.positions, parameters_.order, finite_, result.tokens, result.assignment);
  lay_out(selection, rows);
  const kernels::ClusterBlend blend{parameters_.beta, parameters_.plain_mean};
  const auto write_clusters = [&](const CudaClustering& clusters,
                                  std::span<const std::int64_t> output_rows) {
    if (!clusters.problems.empty())
      cuda::blend_clusters(resources_, clusters.rows, clusters.problems, clusters.peaks, blend,
                           output_rows, result.features);
  };
  write_clusters(selection.statics, rows.cluster_rows(stream::TokenKind::static_));
  write_clusters(selection.contextual, rows.cluster_rows(stream::TokenKind::dynamic));
  std::vector<cuda::RowCopy> copies;
  for (const auto& copy : rows.copies()) copies.push_back({copy.token, copy.row});
  const std::int64_t tokens = result.frames * result.positions;
  cuda::copy_rows(resources_,
                  TensorView(features.data(), features.dtype(), {tokens, width}, features.device()),
                  copies, result.features);
  resources_.wait(where);
}

}  // namespace sluice::temporal
