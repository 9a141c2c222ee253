// What an input remembers: a camera's frames merged into segments, the last of them offered to
// every tick.
#pragma once

#include <memory>

#include "apps/loop/input_tokens.h"
#include "apps/loop/loop_config.h"
#include "kernels/resources.h"
#include "policy/segment_memory.h"
#include "temporal/video_reducer.h"

namespace sluice::apps {

class SegmentMerging {
 public:
  /// `source`: whose frames these are. `default_tau`: what suits its features. Throws sluice::Error
  /// for options out of range.
  SegmentMerging(kernels::Resources& resources, const LoopMemoryConfig& config,
                 const stream::Source& source, double default_tau);

  /// Copies what it needs.
  void push(const stream::FeatureFrame& frame);
  /// Nothing is remembered, and the frame under way is not merged with those to come.
  void begin_episode();
  /// Fills `tokens.memory`, if it is of an older state.
  void offer(InputTokens& tokens) const;

 private:
  kernels::Resources& resources_;
  stream::Source source_;
  temporal::VideoReducerOptions options_;
  std::unique_ptr<temporal::VideoReducer> reducer_;
  policy::SegmentMemory memory_;
  stream::FeatureFrame frame_;
  temporal::ReducedSegment segment_;
  std::int64_t changes_ = 0;
};

}  // namespace sluice::apps
