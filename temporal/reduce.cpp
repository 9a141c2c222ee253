#include "temporal/reduce.h"

#include <algorithm>

#include "stream/grid.h"

namespace sluice::temporal {
namespace {

void require_clip(const kernels::TensorView& features, const kernels::TensorView& attention) {
  if (features.rank() != 3 || features.empty())
    throw input_error("features", concat("has shape ", features.shape().to_string()),
                      "[frames, positions, width] with at least one of each");
  if (!kernels::is_feature_type(features.dtype()))
    throw input_error("features", concat("has type ", kernels::name(features.dtype())),
                      "f32, f16 or bf16");
  if (!features.is_contiguous() || features.device().kind != kernels::Device::Kind::cpu)
    throw input_error("features", "is strided or not in host memory",
                      "contiguous rows in host memory");
  if (!attention.defined()) return;
  if (attention.rank() != 2 || attention.size(0) != features.size(0) ||
      attention.size(1) != features.size(1))
    throw input_error(
        "attention", concat("has shape ", attention.shape().to_string()),
        concat("[", features.size(0), ", ", features.size(1), "], one value per token"));
  if (attention.dtype() != kernels::DType::f32)
    throw input_error("attention", concat("has type ", kernels::name(attention.dtype())), "f32");
}

}  // namespace

ClipReducer::ClipReducer(kernels::Resources& resources, const HolitomParameters& parameters)
    : resources_(resources), parameters_(parameters), merger_(resources, parameters) {
  validate(parameters);
}

void ClipReducer::segment(std::int64_t frames, std::int64_t positions, Reduction& result) {
  const auto& redundant = result.redundancy.redundant;
  Segmenter segmenter(positions, {parameters_.max_window, 0});
  masks_.resize(static_cast<std::size_t>(frames));  // the first frame's is never looked at
  masks_[0].assign(positions, false);
  segmenter.push(masks_[0]);
  for (std::int64_t f = 1; f < frames; ++f) {
    resources_.pool().poll();
    auto& mask = masks_[static_cast<std::size_t>(f)];
    mask.pack({redundant.data() + (f - 1) * positions, static_cast<std::size_t>(positions)});
    segmenter.push(mask);
  }
  segmenter.finish();

  result.segments.clear();
  static_positions_.clear();
  supplies_.clear();
  while (const auto segment = segmenter.next()) {
    kernels::BitMask constant(positions, segment->frames() > 1);
    for (std::int64_t f = segment->first + 1; f <= segment->last; ++f)
      constant &= masks_[static_cast<std::size_t>(f)];
    supplies_.push_back(supply_of(*segment, constant, [&](std::int64_t f) {
      return result.redundancy.finite.data() + (segment->first + f) * positions;
    }));
    result.segments.push_back(*segment);
    static_positions_.push_back(std::move(constant));
  }
  result.available = frames * positions - segmenter.gain();
}

void ClipReducer::reduce(const kernels::TensorView& features, const kernels::TensorView& attention,
                         Reduction& result) {
  require_clip(features, attention);
  const std::int64_t frames = features.size(0);
  const std::int64_t positions = features.size(1);
  frames_.clear();
  for (std::int64_t f = 0; f < frames; ++f) frames_.push_back(features[f]);
  kernels::redundancy_map(resources_, frames_, parameters_.tau, result.redundancy);
  segment(frames, positions, result);
  const auto quotas = share_recording(supplies_, positions, parameters_);

  std::int64_t kept = 0;
  for (const auto& quota : quotas) kept += quota.total();
  resize(result.tokens, kept, features.dtype(), features.size(2));
  stream::Source& source = result.tokens.source;
  const auto grid = stream::squarest_grid(static_cast<std::int32_t>(positions));
  source.grid_rows = grid.rows;
  source.grid_cols = grid.cols;
  source.feature_width = static_cast<std::int32_t>(features.size(2));
  result.assignment.resize(static_cast<std::size_t>(frames * positions));
  result.frames = frames;
  result.positions = positions;
  result.non_finite =
      std::count(result.redundancy.finite.begin(), result.redundancy.finite.end(), 0);

  std::int64_t row = 0;
  for (std::size_t s = 0; s < result.segments.size(); ++s) {
    const Segment& segment = result.segments[s];
    segment_frames_.clear();
    for (std::int64_t f = segment.first; f <= segment.last; ++f) {
      SegmentFrame frame;
      frame.features = frames_[static_cast<std::size_t>(f)];
      if (attention.defined()) frame.attention = attention.as<float>().data() + f * positions;
      if (f > 0) frame.similarity = result.redundancy.similarity.data() + (f - 1) * positions;
      frame.finite = result.redundancy.finite.data() + f * positions;
      frame.pts = static_cast<double>(f);
      segment_frames_.push_back(frame);
    }
    merger_.merge(segment, segment_frames_, static_positions_[s], quotas[s], row, result.tokens,
                  std::span(result.assignment)
                      .subspan(static_cast<std::size_t>(segment.first * positions),
                               static_cast<std::size_t>(segment.frames() * positions)));
    row += quotas[s].total();
  }
}

Reduction reduce(kernels::Resources& resources, const kernels::TensorView& features,
                 const kernels::TensorView& attention, const HolitomParameters& parameters) {
  Reduction result;
  ClipReducer(resources, parameters).reduce(features, attention, result);
  return result;
}

}  // namespace sluice::temporal
