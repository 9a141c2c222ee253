#include "stream/io/encoded_video_source.h"

#include <utility>

#include "kernels/error.h"
#include "stream/io/video_read_ahead.h"

namespace sluice::stream {
namespace {

VideoReaderOptions at_size_of(const Encoder& encoder, VideoReaderOptions video) {
  if (video.width != 0 || video.height != 0 || video.max_side != 0)
    throw input_error("encoded video", "a picture size among the video options",
                      "the encoder's size instead");
  video.width = encoder.width();
  video.height = encoder.height();
  return video;
}

}  // namespace

EncodedVideoSource::EncodedVideoSource(const std::string& input, Encoder encoder,
                                       const EncodedVideoOptions& options)
    : encoder_(std::move(encoder)),
      stop_(options.video.stop),
      decoder_(std::make_unique<VideoReadAhead>(input, at_size_of(encoder_, options.video),
                                                options.pictures_ahead)),
      source_(encoder_.source(options.source_id, video().native_width, video().native_height)),
      pictures_(static_cast<std::size_t>(encoder_.batch())) {}

EncodedVideoSource::~EncodedVideoSource() = default;

bool EncodedVideoSource::stopped() const noexcept {
  return stop_ != nullptr && stop_->load();
}

bool EncodedVideoSource::encode_more() {
  std::size_t count = 0;
  while (count < pictures_.size()) {
    const VideoFrame* picture = nullptr;
    try {
      picture = decoder_->acquire();
    } catch (...) {
      if (count == 0) throw;  // else what came before it goes first: acquire() throws it again
    }
    if (picture == nullptr) break;
    encoder_.load(static_cast<int>(count), picture->image);
    pictures_[count++] = *picture;
    decoder_->release();
  }
  encoded_ = 0;
  next_ = 0;
  if (count == 0 || stopped()) return false;
  encoder_.run(static_cast<int>(count));
  encoded_ = count;
  return true;
}

bool EncodedVideoSource::next(FeatureFrame& frame) {
  if (stopped()) return false;
  if (next_ == encoded_ && !encode_more()) return false;
  encoder_.take(static_cast<int>(next_), frame);
  const VideoFrame& picture = pictures_[next_++];
  frame.index = picture.index;
  frame.pts = picture.pts;
  frame.episode = 0;
  frame.semantic = {};
  ++delivered_;
  return true;
}

InputStatistics EncodedVideoSource::statistics() const {
  InputStatistics statistics = decoder_->statistics();
  statistics.frames = delivered_;
  return statistics;
}

std::optional<std::int64_t> EncodedVideoSource::frame_count() const {
  return video().frame_count;
}

bool EncodedVideoSource::is_recording() const {
  return video().is_recording;
}

const VideoInfo& EncodedVideoSource::video() const noexcept {
  return decoder_->info();
}

}  // namespace sluice::stream
