#include "apps/loop/input_tokens.h"

#include <optional>
#include <utility>

#include "apps/loop/segment_merging.h"
#include "apps/open_spatial_input.h"
#include "kernels/error.h"
#include "kernels/patch_descriptor.h"
#include "spatial3d/cloud_elements.h"
#include "spatial3d/spatial_reducer.h"
#include "stream/frame_tokens.h"

namespace sluice::apps {
namespace {

stream::Source named(stream::Source source, const std::string& id) {
  source.id = id;
  return source;
}

/// Numbers and times of frames. Of a recording, times begin at 0, whenever it was made, and go on
/// where it begins again.
class FrameClock {
 public:
  explicit FrameClock(bool is_recording = false) : is_recording_(is_recording) {}
  /// Of a frame that its source says has this time.
  void next(double pts) noexcept {
    if (++index_ == 0 && is_recording_) first_ = pts;
    const double before = pts_;
    pts_ = offset_ + (pts - first_);
    if (index_ > 0 && pts_ > before) interval_ = pts_ - before;
  }
  /// The recording begins again, one frame after its last.
  void repeat() noexcept { offset_ = pts_ + interval_; }

  [[nodiscard]] std::int64_t index() const noexcept { return index_; }
  [[nodiscard]] double pts() const noexcept { return pts_; }

 private:
  bool is_recording_;
  std::int64_t index_ = -1;
  double pts_ = 0, first_ = 0, offset_ = 0;
  double interval_ = 0.1;  // seconds; of a recording of a single frame
};

/// What cameras have in common, with depth or without.
class CameraInput : public LoopInput {
 public:
  CameraInput(const LoopInputConfig& config, OnLiveFrame on_live_frame)
      : config_(config), on_live_frame_(std::move(on_live_frame)), resources_(1) {}

  [[nodiscard]] const InputShape& shape() const noexcept override { return shape_; }

 protected:
  /// Once the source is open. `rows`: of a frame, at most.
  void begin(const stream::Source& source, std::int64_t rows, double default_tau) {
    source_ = named(source, config_.source.id);
    shape_.rows = rows;
    shape_.width = source_.feature_width > 0 ? source_.feature_width : config_.max_width;
    if (!config_.memory) return;
    shape_.has_memory = true;
    merging_.emplace(resources_, *config_.memory, source_, default_tau);
  }

  /// True if `frame` is of another episode than the one before.
  [[nodiscard]] bool begins_episode(std::int64_t episode) {
    const bool begins = episode_ && *episode_ != episode;
    episode_ = episode;
    if (begins && merging_) merging_->begin_episode();
    return begins;
  }

  /// Takes the frame's features.
  void offer(stream::FeatureFrame& frame, InputTokens& tokens) {
    if (merging_) {
      merging_->push(frame);
      merging_->offer(tokens);
    }
    tokens.semantic.clear();
    if (frame.semantic.defined()) {
      const auto semantic = std::as_const(frame.semantic).as<float>();
      tokens.semantic.assign(semantic.begin(), semantic.end());
    }
    take_frame_tokens(source_, frame, tokens.camera);
  }

  void stamp(const FrameClock& clock, InputTokens& tokens) const noexcept {
    tokens.frame = clock.index();
    tokens.pts = clock.pts();
    tokens.episode = episode_.value_or(0);
  }

  LoopInputConfig config_;
  OnLiveFrame on_live_frame_;
  kernels::Resources resources_;
  stream::Source source_;
  InputShape shape_;
  FrameClock clock_;

 private:
  std::optional<SegmentMerging> merging_;
  std::optional<std::int64_t> episode_;
};

/// A video, features from a file, or features that arrive live.
class FeatureInput final : public CameraInput {
 public:
  FeatureInput(const LoopInputConfig& config, const std::atomic<bool>& stop, OnLiveFrame on_live)
      : CameraInput(config, std::move(on_live)), stop_(&stop) {
    config_.input.newest_only = true;
    OpenInput open = open_input(config_.input, stop);
    feed_ = std::move(open.source);
    clock_ = FrameClock(feed_->is_recording());
    start(open.default_tau);
  }
  FeatureInput(const LoopInputConfig& config, std::unique_ptr<stream::FrameSource> feed)
      : CameraInput(config, {}), feed_(std::move(feed)) {
    start(OpenInput{}.default_tau);  // only features arrive live
  }

  [[nodiscard]] bool next(InputTokens& tokens) override {
    if (!read()) return false;
    if (on_live_frame_ && !feed_->is_recording()) on_live_frame_(feed_->source(), frame_);
    clock_.next(frame_.pts);
    frame_.index = clock_.index();
    frame_.pts = clock_.pts();
    (void)begins_episode(frame_.episode);
    offer(frame_, tokens);
    stamp(clock_, tokens);
    return true;
  }
  [[nodiscard]] stream::InputStatistics statistics() const override { return feed_->statistics(); }
  [[nodiscard]] bool is_recording() const override { return feed_->is_recording(); }

 private:
  void start(double default_tau) {
    const std::int64_t positions = feed_->source().positions();
    if (!feed_->is_recording()) require_room(feed_->source());
    begin(feed_->source(), positions > 0 ? positions : config_.max_rows, default_tau);
  }

  /// The first message decides on the size of all.
  void require_room(const stream::Source& source) const {
    if (source.positions() > config_.max_rows)
      throw input_error(config_.input.input, concat("frames of ", source.positions(), " tokens"),
                        concat("at most max_rows, ", config_.max_rows));
    if (source.feature_width > config_.max_width)
      throw input_error(config_.input.input, concat("features of width ", source.feature_width),
                        concat("at most max_width, ", config_.max_width));
  }

  bool read() {
    if (feed_->next(frame_)) return true;
    const bool again = config_.repeat && stop_ != nullptr && !*stop_ && feed_->is_recording() &&
                       clock_.index() >= 0;
    if (!again) return false;
    feed_ = open_input(config_.input, *stop_).source;
    clock_.repeat();
    return feed_->next(frame_);
  }

  const std::atomic<bool>* stop_ = nullptr;
  std::unique_ptr<stream::FrameSource> feed_;
  stream::FeatureFrame frame_;
};

/// RGB-D frames or clouds: voxel tokens of all that was seen so far; of RGB-D frames the camera's
/// own tokens, too.
class SpatialInput final : public CameraInput {
 public:
  SpatialInput(const LoopInputConfig& config, const std::atomic<bool>& stop)
      : CameraInput(config, {}), stop_(stop) {
    open();
    clock_ = FrameClock(true);
    const stream::Source& source = open_.source->source();
    is_cloud_ = open_.kind == SpatialKind::clouds;
    if (is_cloud_ && config.memory)
      throw input_error(config.input.input, "clouds have no frames to merge",
                        "[input.memory] with a video, features or RGB-D frames");
    if (is_cloud_ && !config.voxels)
      throw input_error(config.input.input, "clouds without [input.voxels]",
                        "that table: a cloud has no other tokens");
    begin(source, source.positions(), kernels::patch_descriptor_default_tau);
    if (is_cloud_) shape_.width = spatial3d::cloud_feature_width;
    if (!config.voxels) return;
    shape_.has_voxels = true;
    reducer_.emplace(resources_, named(source, config.source.id + ".voxels"),
                     config.voxels->spatial.resolve());
  }

  [[nodiscard]] bool next(InputTokens& tokens) override {
    if (!read()) return false;
    clock_.next(spatial_.pts);
    spatial_.index = clock_.index();
    spatial_.pts = clock_.pts();
    const bool begins = begins_episode(spatial_.episode);
    if (reducer_) {
      if (begins) reducer_->reset();
      reducer_->push(spatial_, update_);
      reducer_->tokens(update_.decision, tokens.voxels);
    }
    if (!is_cloud_) {
      frame_.index = spatial_.index;
      frame_.pts = spatial_.pts;
      frame_.episode = spatial_.episode;
      std::swap(frame_.features, spatial_.features);
      std::swap(frame_.attention, spatial_.attention);
      offer(frame_, tokens);
    }
    stamp(clock_, tokens);
    return true;
  }
  [[nodiscard]] stream::InputStatistics statistics() const override {
    return open_.source->statistics();
  }
  [[nodiscard]] bool is_recording() const override { return true; }

 private:
  void open() {
    const SpatialOptions options = config_.voxels ? config_.voxels->spatial : SpatialOptions{};
    open_ = open_spatial_input(config_.input, std::nullopt, options, stop_);
  }
  bool read() {
    if (open_.source->next(spatial_)) return true;
    if (!config_.repeat || stop_ || clock_.index() < 0) return false;
    open();
    clock_.repeat();
    return open_.source->next(spatial_);
  }

  const std::atomic<bool>& stop_;
  OpenSpatialInput open_;
  bool is_cloud_ = false;
  std::optional<spatial3d::SpatialReducer> reducer_;
  stream::SpatialFrame spatial_;
  spatial3d::SpatialUpdate update_;
  stream::FeatureFrame frame_;
};

}  // namespace

std::unique_ptr<LoopInput> open_loop_input(const LoopInputConfig& config,
                                           const std::atomic<bool>& stop,
                                           OnLiveFrame on_live_frame) {
  if (kind_of(config.input.input) == InputKind::spatial)
    return std::make_unique<SpatialInput>(config, stop);
  if (config.voxels)
    throw input_error(config.input.input, "[input.voxels] of an input without depth",
                      "a folder of RGB-D frames, or clouds");
  return std::make_unique<FeatureInput>(config, stop, std::move(on_live_frame));
}

std::unique_ptr<LoopInput> make_loop_input(const LoopInputConfig& config,
                                           std::unique_ptr<stream::FrameSource> source) {
  return std::make_unique<FeatureInput>(config, std::move(source));
}

}  // namespace sluice::apps
