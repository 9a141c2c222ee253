#include "stream/io/video_read_ahead.h"

#include <chrono>
#include <utility>

#include "kernels/error.h"

namespace sluice::stream {
namespace {

std::size_t checked(int pictures_ahead) {
  constexpr int most = 1024;
  if (pictures_ahead < 1 || pictures_ahead > most) {
    throw input_error("video", concat("pictures_ahead is ", pictures_ahead), concat("1 to ", most));
  }
  return static_cast<std::size_t>(pictures_ahead);
}

}  // namespace

VideoReadAhead::VideoReadAhead(const std::string& input, const VideoReaderOptions& video,
                               int pictures)
    : caller_stop_(video.stop), ring_(checked(pictures)) {
  thread_ = std::thread([this, input, video] { run(input, video); });
  std::unique_lock lock(mutex_);
  wait(lock, [this] { return open_ || ended_; });
  if (!open_) {
    lock.unlock();
    thread_.join();
    std::rethrow_exception(error_);
  }
}

VideoReadAhead::~VideoReadAhead() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

const VideoFrame* VideoReadAhead::acquire() {
  std::unique_lock lock(mutex_);
  wait(lock, [this] { return ready_ > 0 || ended_; });
  if (stop_) return nullptr;
  if (ready_ > 0) return &ring_[read_ % ring_.size()];
  if (error_) std::rethrow_exception(error_);
  return nullptr;
}

void VideoReadAhead::release() {
  {
    const std::lock_guard lock(mutex_);
    ++read_;
    --ready_;
  }
  changed_.notify_all();
}

InputStatistics VideoReadAhead::statistics() const {
  const std::lock_guard lock(mutex_);
  return statistics_;
}

void VideoReadAhead::run(const std::string& input, VideoReaderOptions video) {
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

void VideoReadAhead::decode(const std::string& input, const VideoReaderOptions& video) {
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

bool VideoReadAhead::wait_for_room() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ready_ < ring_.size() || stop_; });
  return !stop_;
}

void VideoReadAhead::publish(const VideoReader& reader, std::size_t pictures) {
  {
    InputStatistics statistics = reader.statistics();
    const std::lock_guard lock(mutex_);
    statistics_ = std::move(statistics);
    ready_ += pictures;
  }
  changed_.notify_all();
}

template <typename Condition>
void VideoReadAhead::wait(std::unique_lock<std::mutex>& lock, Condition done) {
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

}  // namespace sluice::stream
