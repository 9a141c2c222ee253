// The decoded frames of one file, URL or device. Private.
#pragma once

#include <cstdint>
#include <optional>

#include "stream/io/libav/demuxer.h"
#include "stream/io/libav/frame_feed.h"
#include "stream/io/libav/handles.h"
#include "stream/io/presentation_clock.h"
#include "stream/io/problem_log.h"

namespace sluice::stream::libav {

class DecodedStream final : public FrameFeed {
 public:
  /// `interrupt` and `log` must outlive the stream. Throws sluice::Error as Demuxer does, and when
  /// FFmpeg has no decoder.
  DecodedStream(const Location& location, int threads, Interrupt& interrupt, ProblemLog& log);

  [[nodiscard]] bool next(DecodedFrame& decoded) override;
  void skip_to_packet(std::int64_t index) override;
  [[nodiscard]] std::int64_t skipped() const noexcept override {
    return damaged_ + demuxer_.skipped();
  }
  void log_repairs() override;

  [[nodiscard]] const Demuxer& demuxer() const noexcept { return demuxer_; }

 private:
  enum class Step { frame, again, end };

  void open_decoder(const Location& location, int threads);
  [[nodiscard]] Step receive(AVFrame& frame);
  void send_next_packet();
  void count_damage(int error);
  void set_time(DecodedFrame& decoded);

  ProblemLog* log_;
  Demuxer demuxer_;
  CodecHandle codec_;
  PacketHandle packet_;
  PresentationClock clock_;
  std::optional<std::int64_t> origin_;
  double nominal_duration_s_ = 0;
  bool draining_ = false;
  int failures_while_draining_ = 0;
  std::int64_t packets_ = 0;  ///< read so far
  std::int64_t damaged_ = 0;
};

}  // namespace sluice::stream::libav
