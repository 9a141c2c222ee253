// Clips as frames, for tests of the streaming engine.
#pragma once

#include "kernels/tensor.h"
#include "stream/feature_frame.h"
#include "temporal/video_reducer.h"

namespace sluice::test {

/// Frame f of features [F,S,D] and, where defined, attention [F,S].
inline stream::FeatureFrame frame_of(const kernels::Tensor& clip, const kernels::Tensor& attention,
                                     std::int64_t f) {
  stream::FeatureFrame frame;
  frame.index = f;
  frame.pts = 0.5 * static_cast<double>(f);
  frame.features.copy_from(clip.view()[f]);
  if (attention.defined()) frame.attention.copy_from(attention.view()[f]);
  return frame;
}

/// All segments of a clip pushed frame by frame.
inline std::vector<temporal::ReducedSegment> reduce_frames(
    kernels::Resources& resources, const kernels::Tensor& clip, const kernels::Tensor& attention,
    const temporal::VideoReducerOptions& options) {
  temporal::VideoReducer reducer(resources, {}, options);
  std::vector<temporal::ReducedSegment> segments;
  const auto take = [&] {
    temporal::ReducedSegment segment;
    while (reducer.next(segment)) {
      segments.push_back(std::move(segment));
      segment = {};
    }
  };
  for (std::int64_t f = 0; f < clip.size(0); ++f) {
    auto frame = frame_of(clip, attention, f);
    reducer.push(frame);
    take();
  }
  reducer.finish();
  take();
  return segments;
}

}  // namespace sluice::test
