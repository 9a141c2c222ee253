#include "stream/io/video_token_source.h"

#include "kernels/error.h"
#include "stream/io/video_read_ahead.h"

namespace sluice::stream {
namespace {

void require_valid(const VideoTokenOptions& options) {
  if (options.video.width != 0 || options.video.height != 0 || options.video.max_side != 0) {
    throw input_error("video tokens", "a picture size among the video options",
                      "the tokenizer's working size instead");
  }
}

VideoReaderOptions at_working_size(VideoReaderOptions video, const TokenizerOptions& tokenizer) {
  video.width = tokenizer.working_width;
  video.height = tokenizer.working_height;
  return video;
}

}  // namespace

VideoTokenSource::VideoTokenSource(const std::string& input, const VideoTokenOptions& options)
    : tokenizer_(options.tokenizer) {
  require_valid(options);
  decoder_ = std::make_unique<VideoReadAhead>(
      input, at_working_size(options.video, tokenizer_.options()), options.pictures_ahead);
  source_ = tokenizer_.source(options.source_id, video().native_width, video().native_height);
}

VideoTokenSource::~VideoTokenSource() = default;

const Source& VideoTokenSource::source() const {
  return source_;
}

bool VideoTokenSource::next(FeatureFrame& frame) {
  if (current_ != nullptr) decoder_->release();
  current_ = decoder_->acquire();
  if (current_ == nullptr) return false;
  tokenizer_.tokenize(current_->image, frame.features);
  frame.index = current_->index;
  frame.pts = current_->pts;
  frame.episode = 0;
  frame.attention = {};
  frame.semantic = {};
  ++delivered_;
  return true;
}

InputStatistics VideoTokenSource::statistics() const {
  InputStatistics statistics = decoder_->statistics();
  statistics.frames = delivered_;
  return statistics;
}

std::optional<std::int64_t> VideoTokenSource::frame_count() const {
  return video().frame_count;
}

bool VideoTokenSource::is_recording() const {
  return video().is_recording;
}

const VideoInfo& VideoTokenSource::video() const noexcept {
  return decoder_->info();
}

}  // namespace sluice::stream
