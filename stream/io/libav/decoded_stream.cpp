#include "stream/io/libav/decoded_stream.h"

#include <cerrno>

#include "kernels/error.h"

namespace sluice::stream::libav {
namespace {

/// 16384×16384: what lies above is a damaged header rather than a video.
constexpr std::int64_t max_pixels = std::int64_t{1} << 28;
/// Errors in a row, with no packets left to send, after which the decoder is given up.
constexpr int max_failures_while_draining = 1000;

}  // namespace

DecodedStream::DecodedStream(const Location& location, int threads, Interrupt& interrupt,
                             ProblemLog& log)
    : log_(&log),
      demuxer_(location, interrupt),
      packet_(make_packet()),
      clock_((demuxer_.format().iformat->flags & AVFMT_TS_DISCONT) != 0),
      origin_(start_stamp(demuxer_.stream())) {
  if (const auto rate = frame_rate(demuxer_.stream())) nominal_duration_s_ = 1 / *rate;
  open_decoder(location, threads);
}

void DecodedStream::open_decoder(const Location& location, int threads) {
  const AVCodecParameters& parameters = *demuxer_.stream().codecpar;
  const AVCodec* codec = avcodec_find_decoder(parameters.codec_id);
  if (codec == nullptr) {
    throw input_error(location.input,
                      concat("is encoded as ", avcodec_get_name(parameters.codec_id),
                             ", which this FFmpeg cannot decode"));
  }
  codec_.reset(avcodec_alloc_context3(codec));
  if (!codec_ || avcodec_parameters_to_context(codec_.get(), &parameters) < 0) {
    throw system_error(location.input, "out of memory for a decoder");
  }
  codec_->pkt_timebase = demuxer_.stream().time_base;
  codec_->max_pixels = max_pixels;
  codec_->thread_count = threads;
  // Threads by frame keep several frames back, which a live picture cannot afford.
  codec_->thread_type = location.local_file ? FF_THREAD_FRAME | FF_THREAD_SLICE : FF_THREAD_SLICE;
  const int result = avcodec_open2(codec_.get(), codec, nullptr);
  if (result < 0) {
    throw input_error(location.input, concat("the ", codec->name, " decoder refuses it (",
                                             error_text(result), ")"));
  }
}

bool DecodedStream::next(DecodedFrame& decoded) {
  for (;;) {
    const Step step = receive(*decoded.frame);
    if (step == Step::end) return false;
    if (step == Step::again) {
      if (!draining_) send_next_packet();
      continue;
    }
    set_time(decoded);
    if (const auto orientation = find_orientation(demuxer_.stream(), *decoded.frame)) {
      decoded.orientation = *orientation;
    } else {
      log_->add("rotation by an angle that is no multiple of 90 degrees ignored");
    }
    if (decoded.frame->decode_error_flags != 0 ||
        (decoded.frame->flags & AV_FRAME_FLAG_CORRUPT) != 0) {
      log_->add("picture with damaged parts, patched up by the decoder");
    }
    return true;
  }
}

DecodedStream::Step DecodedStream::receive(AVFrame& frame) {
  const int result = avcodec_receive_frame(codec_.get(), &frame);
  if (result == 0) return Step::frame;
  if (result == AVERROR_EOF) return Step::end;
  if (result == AVERROR(EAGAIN)) return draining_ ? Step::end : Step::again;
  count_damage(result);
  if (draining_ && ++failures_while_draining_ > max_failures_while_draining) return Step::end;
  return Step::again;
}

void DecodedStream::send_next_packet() {
  if (demuxer_.read(*packet_, *log_)) {
    ++packets_;
    const int result = avcodec_send_packet(codec_.get(), packet_.get());
    av_packet_unref(packet_.get());
    if (result < 0) count_damage(result);
  } else {
    draining_ = true;
    avcodec_send_packet(codec_.get(), nullptr);
  }
}

void DecodedStream::count_damage(int error) {
  if (error == AVERROR(ENOMEM)) throw system_error("video decoder", "out of memory");
  ++damaged_;
  log_->add(concat("damaged packet skipped: ", error_text(error)));
}

void DecodedStream::skip_to_packet(std::int64_t index) {
  if (draining_ || index <= packets_) return;
  while (packets_ < index) {
    if (!demuxer_.read(*packet_, *log_)) break;
    ++packets_;
    av_packet_unref(packet_.get());
  }
  avcodec_flush_buffers(codec_.get());
  clock_.allow_step_ahead();
}

void DecodedStream::set_time(DecodedFrame& decoded) {
  const AVFrame& frame = *decoded.frame;
  const double tick = tick_s(demuxer_.stream());
  decoded.duration_s =
      frame.pkt_duration > 0 ? static_cast<double>(frame.pkt_duration) * tick : nominal_duration_s_;
  std::optional<double> stamp;
  if (frame.best_effort_timestamp != AV_NOPTS_VALUE) {
    if (!origin_) origin_ = frame.best_effort_timestamp;
    stamp = static_cast<double>(frame.best_effort_timestamp - *origin_) * tick;
  }
  decoded.pts_s = clock_.next(stamp, decoded.duration_s);
}

void DecodedStream::log_repairs() {
  if (clock_.derived() > 0) {
    log_->add(concat(clock_.derived(), " missing time stamps derived from the frame rate"));
  }
  if (clock_.clamped() > 0) {
    log_->add(
        concat(clock_.clamped(), " time stamps that ran backwards raised to the time before"));
  }
  if (clock_.breaks() > 0) {
    log_->add(concat(clock_.breaks(), " breaks in the time line closed"));
  }
}

}  // namespace sluice::stream::libav
