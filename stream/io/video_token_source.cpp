#include "stream/io/video_token_source.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "kernels/error.h"

namespace sluice::stream {
namespace {

constexpr int most_pictures_ahead = 1024;

void require_valid(const VideoTokenOptions& options) {
  if (options.video.width != 0 || options.video.height != 0 || options.video.max_side != 0) {
    throw input_error("video tokens", "a picture size among the video options",
                      "the tokenizer's working size instead");
  }
  if (options.pictures_ahead < 1 || options.pictures_ahead > most_pictures_ahead) {
    throw input_error("video tokens", concat("pictures_ahead is ", options.pictures_ahead),
                      concat("1 to ", most_pictures_ahead));
  }
}

VideoReaderOptions at_working_size(VideoReaderOptions video, const TokenizerOptions& tokenizer) {
  video.width = tokenizer.working_width;
  video.height = tokenizer.working_height;
  return video;
}

}  // namespace

/// Fills a ring of pictures on its own thread. The slot being filled and the slot being read are
/// each touched by one side only, outside the lock.
class VideoTokenSource::Decoder {
 public:
  Decoder(const std::string& input, const VideoReaderOptions& video, int pictures);
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder();

  /// The oldest waiting picture, valid until release(); null at the end. Throws what the reader
  /// threw.
  const VideoFrame* acquire();
  /// Gives the picture's memory back for the next one.
  void release();

  [[nodiscard]] const VideoInfo& info() const noexcept { return info_; }
  [[nodiscard]] InputStatistics statistics() const;

 private:
  void run(const std::string& input, VideoReaderOptions video);
  void decode(const std::string& input, const VideoReaderOptions& video);
  bool wait_for_room();
  void publish(const VideoReader& reader, std::size_t pictures);
  /// Waits on the caller's thread until `done`, passing the caller's stop flag on meanwhile.
  template <typename Condition>
  void wait(std::unique_lock<std::mutex>& lock, Condition done);

  const std::atomic<bool>* caller_stop_;
  std::atomic<bool> stop_ = false;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<VideoFrame> ring_;
  std::size_t read_ = 0;   ///< pictures given back
  std::size_t ready_ = 0;  ///< pictures waiting, from read_ on
  bool open_ = false;
  bool ended_ = false;
  std::exception_ptr error_;
  InputStatistics statistics_;
  VideoInfo info_;  ///< written once, before open_

  std::thread thread_;
};

VideoTokenSource::Decoder::Decoder(const std::string& input, const VideoReaderOptions& video,
                                   int pictures)
    : caller_stop_(video.stop), ring_(static_cast<std::size_t>(pictures)) {
  thread_ = std::thread([this, input, video] { run(input, video); });
  std::unique_lock lock(mutex_);
  wait(lock, [this] { return open_ || ended_; });
  if (!open_) {
    lock.unlock();
    thread_.join();
    std::rethrow_exception(error_);
  }
}

VideoTokenSource::Decoder::~Decoder() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

const VideoFrame* VideoTokenSource::Decoder::acquire() {
  std::unique_lock lock(mutex_);
  wait(lock, [this] { return ready_ > 0 || ended_; });
  if (stop_) return nullptr;
  if (ready_ > 0) return &ring_[read_ % ring_.size()];
  if (error_) std::rethrow_exception(error_);
  return nullptr;
}

void VideoTokenSource::Decoder::release() {
  {
    const std::lock_guard lock(mutex_);
    ++read_;
    --ready_;
  }
  changed_.notify_all();
}

InputStatistics VideoTokenSource::Decoder::statistics() const {
  const std::lock_guard lock(mutex_);
  return statistics_;
}

void VideoTokenSource::Decoder::run(const std::string& input, VideoReaderOptions video) {
  std::exception_ptr error;
  video.stop = &stop_;
  try {
    decode(input, video);
  } catch (...) {
    error = std::current_exception();
  }
  {
    const std::lock_guard lock(mutex_);
    error_ = error;
    ended_ = true;
  }
  changed_.notify_all();
}

void VideoTokenSource::Decoder::decode(const std::string& input, const VideoReaderOptions& video) {
  VideoReader reader(input, video);
  {
    const std::lock_guard lock(mutex_);
    info_ = reader.info();
    open_ = true;
  }
  publish(reader, 0);
  for (std::size_t filled = 0; wait_for_room(); ++filled) {
    const bool more = reader.next(ring_[filled % ring_.size()]);
    publish(reader, more ? 1 : 0);
    if (!more) break;
  }
}

bool VideoTokenSource::Decoder::wait_for_room() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ready_ < ring_.size() || stop_; });
  return !stop_;
}

void VideoTokenSource::Decoder::publish(const VideoReader& reader, std::size_t pictures) {
  {
    InputStatistics statistics = reader.statistics();
    const std::lock_guard lock(mutex_);
    statistics_ = std::move(statistics);
    ready_ += pictures;
  }
  changed_.notify_all();
}

template <typename Condition>
void VideoTokenSource::Decoder::wait(std::unique_lock<std::mutex>& lock, Condition done) {
  if (caller_stop_ == nullptr) {
    changed_.wait(lock, done);
    return;
  }
  // Nobody signals when the caller's flag changes, so look at it now and then.
  constexpr auto interval = std::chrono::milliseconds(20);
  do {
    if (caller_stop_->load()) stop_ = true;
  } while (!changed_.wait_for(lock, interval, done));
  if (caller_stop_->load()) stop_ = true;
}

VideoTokenSource::VideoTokenSource(const std::string& input, const VideoTokenOptions& options)
    : tokenizer_(options.tokenizer) {
  require_valid(options);
  decoder_ = std::make_unique<Decoder>(input, at_working_size(options.video, tokenizer_.options()),
                                       options.pictures_ahead);
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
