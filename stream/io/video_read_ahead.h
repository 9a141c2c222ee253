// A video decoded some pictures ahead, on a thread of its own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "stream/feature_frame.h"
#include "stream/io/video_reader.h"

namespace sluice::stream {

/// Fills a ring of pictures on its own thread. The slot being filled and the slot being read are
/// each touched by one side only, outside the lock.
class VideoReadAhead {
 public:
  /// Takes what VideoReader takes, and throws for the same reasons. `pictures`: decoded ahead at
  /// most, 1 to 1024.
  VideoReadAhead(const std::string& input, const VideoReaderOptions& video, int pictures);
  VideoReadAhead(const VideoReadAhead&) = delete;
  VideoReadAhead& operator=(const VideoReadAhead&) = delete;
  /// Stops decoding, out of blocking reads too.
  ~VideoReadAhead();

  /// The oldest waiting picture, valid until release(); null at the end, and soon after
  /// `video.stop` was set. What the reader threw is thrown here, after all pictures before it were
  /// delivered, and again by every later call.
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

}  // namespace sluice::stream
