// Opens one file, URL or device and reads the packets of its video stream. Private.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <string>

#include "stream/io/libav/handles.h"
#include "stream/io/problem_log.h"

namespace sluice::stream::libav {

/// What to open, and how FFmpeg wants to hear it.
struct Location {
  std::string input;   ///< as the user named it; for messages
  std::string url;     ///< what FFmpeg opens
  std::string format;  ///< forced input format ("v4l2"); empty: found by probing
  bool local_file = false;
  bool network = false;  ///< a URL: a failure to open it is no fault of the input
};

/// Sorts out paths, URLs and "<device format>:<device>". Throws sluice::Error (kind input) for a
/// missing or empty file, a folder, or a device that this build has no support for.
[[nodiscard]] Location locate(const std::string& input);

/// Gets FFmpeg out of blocking calls: when asked to stop, or when nothing came for too long.
class Interrupt {
 public:
  Interrupt(const std::atomic<bool>* stop, double timeout_s);
  void restart() noexcept;
  void no_time_limit() noexcept { limited_ = false; }
  [[nodiscard]] bool stopped() const noexcept { return stop_ != nullptr && stop_->load(); }
  /// True if time is up now; stays true until restart().
  [[nodiscard]] bool expired() noexcept;
  /// True if time was up when somebody looked.
  [[nodiscard]] bool timed_out() const noexcept { return timed_out_; }
  [[nodiscard]] AVIOInterruptCB callback() noexcept;

 private:
  static int poll(void* self) noexcept;

  const std::atomic<bool>* stop_;
  std::chrono::steady_clock::duration timeout_;
  std::chrono::steady_clock::time_point deadline_;
  bool limited_ = true;
  bool timed_out_ = false;
};

class Demuxer {
 public:
  /// `interrupt` must outlive the demuxer. Throws sluice::Error: kind input for what is not a
  /// video; kind system for an unreachable URL or device and for a stop while opening.
  Demuxer(const Location& location, Interrupt& interrupt);

  /// The next packet of the video stream. False at the end, also when stopped, when a live input
  /// went silent, and when the rest is unreadable (the latter two are logged). Unreadable stretches
  /// in between are skipped, logged and counted.
  [[nodiscard]] bool read(AVPacket& packet, ProblemLog& log);

  [[nodiscard]] AVStream& stream() const noexcept { return *stream_; }
  [[nodiscard]] const AVFormatContext& format() const noexcept { return *format_; }
  [[nodiscard]] std::int64_t skipped() const noexcept { return skipped_; }
  /// True if the input can be read again from its start.
  [[nodiscard]] bool is_recording() const noexcept;

 private:
  void open(const Location& location);
  void select_video_stream(const Location& location);

  Interrupt* interrupt_;
  InputHandle format_;
  bool local_file_ = false;
  AVStream* stream_ = nullptr;
  std::int64_t skipped_ = 0;
};

/// Seconds per unit of the stream's time stamps.
[[nodiscard]] double tick_s(const AVStream& stream);
/// The stream's first time stamp, if known.
[[nodiscard]] std::optional<std::int64_t> start_stamp(const AVStream& stream);
/// Average frames per second, if the container states it.
[[nodiscard]] std::optional<double> frame_rate(const AVStream& stream);
/// Seconds, if the container states it.
[[nodiscard]] std::optional<double> duration_s(const Demuxer& demuxer);

}  // namespace sluice::stream::libav
