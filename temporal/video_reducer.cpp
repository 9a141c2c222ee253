#include "temporal/video_reducer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/redundancy.h"
#include "stream/grid.h"
#include "temporal/reduce.h"

namespace sluice::temporal {
namespace {

void validate_options(const VideoReducerOptions& options) {
  validate(options.reduction);
  if (!options.causal) return;
  if (options.latency < 1)
    throw input_error("latency", concat(options.latency, " frames"), "at least 1");
  if (options.credit_frames && *options.credit_frames < 1)
    throw input_error("credit-frames", concat(*options.credit_frames), "at least 1");
  if (options.reduction.budget)
    throw input_error("budget", "a total for a stream, whose end is not known",
                      "a share (retain) for a causal run");
  if (options.reduction.rounding == Rounding::parity)
    throw input_error("rounding", "parity in a causal run",
                      "exact: the published counts need the whole recording");
}

/// What belongs to somebody else is not kept for later use, as our own memory is.
void return_if_borrowed(kernels::Tensor& tensor) noexcept {
  if (tensor.is_borrowed()) tensor = {};
}

/// Rounded up: a cap below what a frame earns would lose tokens for good.
std::int64_t credit_cap(double retain, std::int64_t frames, std::int64_t positions) {
  constexpr double most = 0x1p62;
  return static_cast<std::int64_t>(std::min(
      most, std::ceil(retain * static_cast<double>(frames) * static_cast<double>(positions))));
}

}  // namespace

VideoReducer::VideoReducer(kernels::Resources& resources, const stream::Source& source,
                           const VideoReducerOptions& options)
    : resources_(resources),
      source_(source),
      options_(options),
      merger_(resources, options.reduction) {
  validate_options(options);
  if (options.causal)
    spare_.reserve(static_cast<std::size_t>(std::min<std::int64_t>(options.latency, 4096)) + 1);
}

void VideoReducer::require_like_first(const stream::FeatureFrame& frame) const {
  const kernels::TensorView features = frame.features;
  const auto where = [&](const char* what) { return concat(what, " of frame ", frames_pushed_); };
  kernels::require_frame(features, where("features"));
  if (segmenter_ && features.size(0) != positions_)
    throw input_error(where("features"), concat(features.size(0), " positions"),
                      concat(positions_, ", as in the first frame"));
  const auto require_scores = [&](const kernels::Tensor& scores, const char* what) {
    if (scores.defined() && (scores.shape().rank() != 1 || scores.size(0) != features.size(0) ||
                             scores.dtype() != kernels::DType::f32))
      throw input_error(where(what),
                        concat(kernels::name(scores.dtype()), " ", scores.shape().to_string()),
                        concat("f32 [", features.size(0), "]"));
  };
  require_scores(frame.attention, "attention");
}

/// Tokens need places: a source without a grid gets the squarest one.
void VideoReducer::settle_grid() {
  if (source_.positions() == 0) {
    const auto grid = stream::squarest_grid(static_cast<std::int32_t>(positions_));
    source_.grid_rows = grid.rows;
    source_.grid_cols = grid.cols;
  }
  if (source_.positions() != positions_)
    throw input_error("source " + source_.id,
                      concat("grid of ", source_.grid_rows, " x ", source_.grid_cols),
                      concat(positions_, " positions, as the features have"));
}

VideoReducer::Waiting VideoReducer::fresh() {
  if (spare_.empty()) return {};
  Waiting reused = std::move(spare_.back());
  spare_.pop_back();
  return reused;
}

void VideoReducer::push(stream::FeatureFrame& frame) {
  if (finished_) throw input_error("frame", "after the end of the stream", "none after finish()");
  require_like_first(frame);
  if (!segmenter_) {
    positions_ = frame.features.size(0);
    settle_grid();
    segmenter_.emplace(positions_, SegmenterOptions{options_.reduction.max_window,
                                                    options_.causal ? options_.latency : 0});
    const std::int64_t cap_frames = options_.credit_frames.value_or(options_.latency);
    if (options_.causal)
      budget_.emplace(options_.reduction.retain,
                      credit_cap(options_.reduction.retain, cap_frames, positions_));
  }
  Waiting entry = fresh();
  const auto positions = static_cast<std::size_t>(positions_);
  entry.redundant_flags.resize(positions);
  entry.similarity.resize(positions);
  entry.finite.resize(positions);
  const kernels::TensorView previous = !waiting_.empty() ? waiting_.back().frame.features.view()
                                       : has_previous_   ? previous_.view()
                                                         : kernels::TensorView();
  kernels::compare_frames(resources_, previous, frame.features, options_.reduction.tau,
                          entry.redundant_flags, entry.similarity, entry.finite);
  entry.redundant.pack(entry.redundant_flags);
  entry.frame.index = frame.index;
  entry.frame.pts = frame.pts;
  std::swap(entry.frame.features, frame.features);
  // Scores are not left behind: the next frame may come without, and must not inherit them.
  entry.frame.attention = std::exchange(frame.attention, {});
  frame.semantic = {};
  waiting_.push_back(std::move(entry));
  return_if_borrowed(previous_);  // it has been compared with
  ++frames_pushed_;
  segmenter_->push(waiting_.back().redundant);
}

void VideoReducer::finish() {
  if (std::exchange(finished_, true) || !segmenter_) return;
  return_if_borrowed(previous_);
  segmenter_->finish();
  if (!options_.causal) share_whole_recording();
}

SegmentSupply VideoReducer::supply(const Segment& segment,
                                   kernels::BitMask& static_positions) const {
  static_positions.assign(positions_, segment.frames() > 1);
  for (std::int64_t f = segment.first + 1; f <= segment.last; ++f)
    static_positions &= waiting(f).redundant;
  return supply_of(segment, static_positions,
                   [&](std::int64_t f) { return waiting(segment.first + f).finite.data(); });
}

void VideoReducer::share_whole_recording() {
  std::vector<SegmentSupply> supplies;
  kernels::BitMask static_positions;
  while (const auto segment = segmenter_->next()) {
    recording_segments_.push_back(*segment);
    supplies.push_back(supply(*segment, static_positions));
  }
  for (auto& quota : share_recording(supplies, positions_, options_.reduction))
    recording_quotas_.push_back(std::move(quota));
}

bool VideoReducer::next(ReducedSegment& out) {
  if (!segmenter_) return false;
  kernels::BitMask static_positions;
  if (options_.causal) {
    const auto segment = segmenter_->next();
    if (!segment) return false;
    const SegmentSupply offer = supply(*segment, static_positions);
    budget_->earn(segment->frames() * positions_);
    const std::int64_t credit = budget_->credit();
    const SegmentQuota quota = share_segment(offer, budget_->spend(offer.available()));
    totals_.unspent = budget_->unspent();
    emit(*segment, static_positions, offer, quota, credit, out);
    return true;
  }
  if (recording_segments_.empty()) return false;
  const Segment segment = recording_segments_.front();
  const SegmentQuota quota = std::move(recording_quotas_.front());
  recording_segments_.pop_front();
  recording_quotas_.pop_front();
  const SegmentSupply offer = supply(segment, static_positions);
  if (recording_segments_.empty()) {
    const std::int64_t tokens = frames_pushed_ * positions_;
    const std::int64_t wanted = total_budget(tokens, tokens, options_.reduction);
    totals_.unspent = std::max<std::int64_t>(0, wanted - totals_.kept - quota.total());
  }
  emit(segment, static_positions, offer, quota, quota.total(), out);
  return true;
}

void VideoReducer::emit(const Segment& segment, const kernels::BitMask& static_positions,
                        const SegmentSupply& offer, const SegmentQuota& quota, std::int64_t budget,
                        ReducedSegment& out) {
  // Whatever happens, the segment's frames have had their turn.
  const Release release_frames{*this, segment};
  const std::int64_t entries = segment.frames() * positions_;
  out.segment = segment;
  out.static_positions = offer.static_tokens;
  out.static_kept = quota.static_tokens;
  out.dynamic_available = offer.available() - offer.static_tokens;
  out.dynamic_kept = quota.total() - quota.static_tokens;
  out.budget = budget;
  out.assignment.resize(static_cast<std::size_t>(entries));
  out.similarity.clear();
  out.redundant.clear();
  out.pts.clear();
  segment_frames_.clear();
  for (std::int64_t f = segment.first; f <= segment.last; ++f) {
    const Waiting& entry = waiting(f);
    out.similarity.insert(out.similarity.end(), entry.similarity.begin(), entry.similarity.end());
    out.redundant.insert(out.redundant.end(), entry.redundant_flags.begin(),
                         entry.redundant_flags.end());
    out.pts.push_back(entry.frame.pts);
    SegmentFrame frame;
    frame.features = entry.frame.features;
    if (entry.frame.attention.defined()) frame.attention = entry.frame.attention.as<float>().data();
    frame.similarity = entry.similarity.data();
    frame.finite = entry.finite.data();
    frame.pts = entry.frame.pts;
    segment_frames_.push_back(frame);
    totals_.non_finite += std::count(entry.finite.begin(), entry.finite.end(), 0);
  }
  const kernels::TensorView features = segment_frames_.front().features;
  resize(out.tokens, quota.total(), features.dtype(), features.size(1));
  out.tokens.source = source_;
  out.tokens.source.feature_width = static_cast<std::int32_t>(features.size(1));
  merger_.merge(segment, segment_frames_, static_positions, quota, 0, out.tokens, out.assignment);

  totals_.frames += segment.frames();
  totals_.seen += entries;
  totals_.available += offer.available();
  totals_.kept += quota.total();
  ++totals_.packets;
  totals_.forced_cuts += segment.forced ? 1 : 0;
  out.totals = totals_;
}

void VideoReducer::release(const Segment& segment) noexcept {
  // The next frame is compared with the last one pushed, even if its segment has left already.
  has_previous_ = !finished_ && segment.last == frames_pushed_ - 1;
  if (has_previous_) std::swap(previous_, waiting_.back().frame.features);
  for (; first_waiting_ <= segment.last; ++first_waiting_) {
    // A stream uses the memory again; a recording has no more frames to come.
    if (options_.causal && spare_.size() < spare_.capacity()) {
      return_if_borrowed(waiting_.front().frame.features);
      spare_.push_back(std::move(waiting_.front()));
    }
    waiting_.pop_front();
  }
}

}  // namespace sluice::temporal
