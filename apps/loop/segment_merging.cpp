#include "apps/loop/segment_merging.h"

namespace sluice::apps {
namespace {

temporal::VideoReducerOptions causal(const LoopMemoryConfig& config, double default_tau) {
  temporal::VideoReducerOptions options = config.reduction;
  options.causal = true;
  options.reduction.tau = config.tau.value_or(default_tau);
  return options;
}

policy::SegmentMemoryOptions named(policy::SegmentMemoryOptions options, const std::string& id) {
  options.id = id + ".memory";
  return options;
}

}  // namespace

SegmentMerging::SegmentMerging(kernels::Resources& resources, const LoopMemoryConfig& config,
                               const stream::Source& source, double default_tau)
    : resources_(resources),
      source_(source),
      options_(causal(config, default_tau)),
      reducer_(std::make_unique<temporal::VideoReducer>(resources, source_, options_)),
      memory_(named(config.memory, source.id)) {}

void SegmentMerging::push(const stream::FeatureFrame& frame) {
  frame_.index = frame.index;
  frame_.pts = frame.pts;
  frame_.episode = frame.episode;
  frame_.features.copy_from(frame.features.view());
  frame_.attention = {};
  if (frame.attention.defined()) frame_.attention.copy_from(frame.attention.view());
  reducer_->push(frame_);
  while (reducer_->next(segment_)) {
    memory_.add(segment_.tokens);
    ++changes_;
  }
}

void SegmentMerging::begin_episode() {
  reducer_ = std::make_unique<temporal::VideoReducer>(resources_, source_, options_);
  memory_.clear();
  ++changes_;
}

void SegmentMerging::offer(InputTokens& tokens) const {
  if (tokens.memory_state == changes_) return;
  tokens.memory_state = changes_;
  stream::copy_tokens(memory_.tokens(), tokens.memory);
}

}  // namespace sluice::apps
