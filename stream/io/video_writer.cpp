#include "stream/io/video_writer.h"

extern "C" {
#include <libavformat/avformat.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
}

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <string_view>
#include <utility>

#include "stream/io/libav/check.h"

namespace sluice::stream {
namespace {

using libav::check;
using libav::require;

constexpr AVRational time_base{1, 90000};

/// An output file: closed without an index unless the trailer was written.
struct CloseFormat {
  void operator()(AVFormatContext* format) const noexcept {
    avio_closep(&format->pb);
    avformat_free_context(format);
  }
};
using FormatHandle = std::unique_ptr<AVFormatContext, CloseFormat>;

/// In the same folder, so that the final rename can't cross file systems.
std::filesystem::path temporary_name(std::filesystem::path path) {
  path += ".partial";
  return path;
}

void check_options(const VideoWriterOptions& options, const std::string& where) {
  if (options.width < 1 || options.height < 1 || options.width > 16384 || options.height > 16384) {
    throw input_error(where, concat("frame size ", options.width, "x", options.height),
                      "1 to 16384 pixels each way");
  }
  if (!(options.frame_rate > 0) || options.frame_rate > 10000) {
    throw input_error(where, concat("frame rate ", options.frame_rate), "more than 0, up to 10000");
  }
  if (options.crf < 0 || options.crf > 51) {
    throw input_error(where, concat("crf ", options.crf), "0 to 51");
  }
  // x264 itself would complain about this one on the terminal.
  constexpr std::array<std::string_view, 10> presets = {
      "ultrafast", "superfast", "veryfast", "faster",   "fast",
      "medium",    "slow",      "slower",   "veryslow", "placebo"};
  if (std::find(presets.begin(), presets.end(), options.preset) == presets.end()) {
    throw input_error(where, concat("preset '", options.preset, "'"), "ultrafast … placebo");
  }
  if (options.threads < 1 || options.threads > 64) {
    throw input_error(where, concat("threads ", options.threads), "1 to 64");
  }
}

/// Quality settings of the codec at hand: x264's own, or a quantiser that looks about the same.
void set_quality(AVCodecContext& codec, const VideoWriterOptions& options,
                 const std::string& where) {
  if (codec.codec_id == AV_CODEC_ID_H264) {
    const std::string crf = std::to_string(options.crf);
    check(av_opt_set(codec.priv_data, "crf", crf.c_str(), 0), where, "setting crf");
    check(av_opt_set(codec.priv_data, "preset", options.preset.c_str(), 0), where,
          "setting the preset");
  } else {
    codec.flags |= AV_CODEC_FLAG_QSCALE;
    codec.global_quality = FF_QP2LAMBDA * std::clamp(options.crf / 5, 1, 31);
  }
}

libav::CodecHandle open_codec(const VideoWriterOptions& options, bool global_header,
                              const std::string& where) {
  const AVCodec* description = avcodec_find_encoder_by_name("libx264");
  if (description == nullptr) description = avcodec_find_encoder(AV_CODEC_ID_MPEG4);
  if (description == nullptr) {
    throw system_error(where, "this FFmpeg has no video encoder", "libx264 or mpeg4");
  }
  libav::CodecHandle codec = require(libav::CodecHandle(avcodec_alloc_context3(description)), where,
                                     "creating the encoder");
  codec->width = options.width + (options.width & 1);
  codec->height = options.height + (options.height & 1);
  codec->pix_fmt = AV_PIX_FMT_YUV420P;
  // MPEG-4 part 2 can't express a clock finer than 1/65535 s.
  codec->time_base = description->id == AV_CODEC_ID_H264 ? time_base : AVRational{1, 30000};
  codec->framerate = av_d2q(options.frame_rate, 100000);
  codec->thread_count = options.threads;
  codec->flags |= AV_CODEC_FLAG_BITEXACT;
  if (global_header) codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  codec->color_range = AVCOL_RANGE_MPEG;
  codec->colorspace = AVCOL_SPC_SMPTE170M;
  codec->color_primaries = AVCOL_PRI_SMPTE170M;
  codec->color_trc = AVCOL_TRC_SMPTE170M;
  set_quality(*codec, options, where);
  check(avcodec_open2(codec.get(), description, nullptr), where, "opening the encoder");
  return codec;
}

}  // namespace

/// The open file with its encoder. Destroying it unfinished drops the file.
class VideoWriter::Muxer {
 public:
  Muxer(std::filesystem::path path, const VideoWriterOptions& options)
      : path_(std::move(path)),
        temporary_(temporary_name(path_)),
        where_(path_.string()),
        options_(options) {
    libav::silence_log();
    check_options(options_, where_);
    try {
      open();
    } catch (...) {
      drop();
      throw;
    }
  }
  Muxer(const Muxer&) = delete;
  Muxer& operator=(const Muxer&) = delete;

  ~Muxer() {
    try {
      finish();
    } catch (...) {  // finish() has cleaned up; a destructor has nobody to tell
    }
  }

  void write(const Image& image, double pts) {
    if (!format_) throw system_error(where_, "the video is finished or has failed");
    const std::int64_t ticks = next_ticks(image, pts);
    guarded([&] {
      convert(image);
      frame_->pts = ticks;
      check(avcodec_send_frame(codec_.get(), frame_.get()), where_, "encoding");
      write_packets();
    });
    last_ticks_ = ticks;
    ++frames_;
  }

  void finish() {
    if (!format_) return;
    if (frames_ == 0) {
      drop();
      return;
    }
    guarded([&] {
      check(avcodec_send_frame(codec_.get(), nullptr), where_, "flushing the encoder");
      write_packets();
      check(av_write_trailer(format_.get()), where_, "writing the index");
      check(avio_closep(&format_->pb), where_, "writing");
      format_.reset();
      std::filesystem::rename(temporary_, path_);
    });
  }

  [[nodiscard]] std::int64_t frames() const noexcept { return frames_; }
  [[nodiscard]] const std::string& codec_name() const noexcept { return codec_name_; }

 private:
  void open() {
    AVFormatContext* format = nullptr;
    check(avformat_alloc_output_context2(&format, nullptr, "mp4", temporary_.c_str()), where_,
          "creating the file format");
    format_.reset(format);
    format_->flags |= AVFMT_FLAG_BITEXACT;
    codec_ = open_codec(options_, (format_->oformat->flags & AVFMT_GLOBALHEADER) != 0, where_);
    codec_name_ = codec_->codec->name;
    allocate_frame();
    stream_ = avformat_new_stream(format_.get(), nullptr);
    if (stream_ == nullptr) throw system_error(where_, "out of memory");
    stream_->time_base = codec_->time_base;
    stream_->avg_frame_rate = codec_->framerate;
    check(avcodec_parameters_from_context(stream_->codecpar, codec_.get()), where_,
          "describing the stream");
    const int created = avio_open(&format_->pb, temporary_.c_str(), AVIO_FLAG_WRITE);
    if (created < 0 && created != AVERROR(ENOSPC)) {
      throw input_error(where_, "can't be created: " + libav::error_text(created),
                        "a file in a folder that can be written");
    }
    check(created, where_, "creating the file");
    check(av_opt_set(format_->priv_data, "movflags", "+faststart", 0), where_, "setting faststart");
    check(avformat_write_header(format_.get(), nullptr), where_, "writing the header");
  }

  void allocate_frame() {
    packet_ = libav::make_packet();
    frame_ = libav::make_frame();
    frame_->format = codec_->pix_fmt;
    frame_->width = codec_->width;
    frame_->height = codec_->height;
    frame_->color_range = codec_->color_range;
    frame_->colorspace = codec_->colorspace;
    if ((codec_->flags & AV_CODEC_FLAG_QSCALE) != 0) frame_->quality = codec_->global_quality;
    check(av_frame_get_buffer(frame_.get(), 0), where_, "creating a frame");
    scaler_ = require(
        libav::ScalerHandle(sws_getContext(
            codec_->width, codec_->height, AV_PIX_FMT_RGB24, codec_->width, codec_->height,
            codec_->pix_fmt, SWS_BICUBIC | SWS_ACCURATE_RND | SWS_BITEXACT | SWS_FULL_CHR_H_INP,
            nullptr, nullptr, nullptr)),
        where_, "creating the colour conversion");
    padded_.resize(codec_->width, codec_->height);
  }

  /// The time stamp in units of the codec's clock, after checking the frame's size and its order.
  [[nodiscard]] std::int64_t next_ticks(const Image& image, double pts) const {
    if (image.width != options_.width || image.height != options_.height ||
        image.rgb.size() !=
            static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height) * 3) {
      throw input_error(where_, concat("frame ", frames_, " is ", image.width, "x", image.height),
                        concat(options_.width, "x", options_.height));
    }
    if (!std::isfinite(pts) || std::abs(pts) > 1e9) {
      throw input_error(where_, concat("frame ", frames_, " at ", pts, " s"), "a finite time");
    }
    const auto ticks = static_cast<std::int64_t>(std::llround(pts / av_q2d(codec_->time_base)));
    if (frames_ > 0 && ticks <= last_ticks_) {
      throw input_error(where_,
                        concat("frame ", frames_, " at ", pts, " s is not after the one before"),
                        "times that grow");
    }
    return ticks;
  }

  void convert(const Image& image) {
    check(av_frame_make_writable(frame_.get()), where_, "reusing a frame");
    const Image& source = pad(image);
    const std::uint8_t* planes[] = {source.rgb.data()};
    const int strides[] = {source.width * 3};
    sws_scale(scaler_.get(), planes, strides, 0, source.height, frame_->data, frame_->linesize);
  }

  /// `image` itself, or a copy with its last column and row repeated up to an even size.
  [[nodiscard]] const Image& pad(const Image& image) {
    if (image.width == padded_.width && image.height == padded_.height) return image;
    for (int y = 0; y < padded_.height; ++y) {
      const int source_y = std::min(y, image.height - 1);
      std::memcpy(padded_.pixel(0, y), image.pixel(0, source_y),
                  static_cast<std::size_t>(image.width) * 3);
      if (padded_.width > image.width) {
        std::memcpy(padded_.pixel(image.width, y), image.pixel(image.width - 1, source_y), 3);
      }
    }
    return padded_;
  }

  void write_packets() {
    for (;;) {
      const int received = avcodec_receive_packet(codec_.get(), packet_.get());
      if (received == AVERROR(EAGAIN) || received == AVERROR_EOF) return;
      check(received, where_, "encoding");
      packet_->duration = static_cast<std::int64_t>(
          std::llround(1 / (options_.frame_rate * av_q2d(codec_->time_base))));
      packet_->stream_index = stream_->index;
      av_packet_rescale_ts(packet_.get(), codec_->time_base, stream_->time_base);
      check(av_interleaved_write_frame(format_.get(), packet_.get()), where_, "writing");
      // The muxer buffers: a full disk shows up in the file's state, not in the call that filled
      // it.
      check(format_->pb->error, where_, "writing");
    }
  }

  /// Runs `work`; if it fails, drops the file before passing the error on.
  template <typename Work>
  void guarded(const Work& work) {
    try {
      work();
    } catch (const std::filesystem::filesystem_error& error) {
      drop();
      throw system_error(where_, concat("renaming failed: ", error.code().message()));
    } catch (...) {
      drop();
      throw;
    }
  }

  void drop() noexcept {
    const bool created = format_ && format_->pb != nullptr;
    format_.reset();
    std::error_code ignored;
    if (created) std::filesystem::remove(temporary_, ignored);
  }

  std::filesystem::path path_, temporary_;
  std::string where_;
  VideoWriterOptions options_;
  std::string codec_name_;
  libav::CodecHandle codec_;
  FormatHandle format_;  ///< null once finished or failed
  AVStream* stream_ = nullptr;
  libav::FrameHandle frame_;
  libav::PacketHandle packet_;
  libav::ScalerHandle scaler_;
  Image padded_;
  std::int64_t frames_ = 0;
  std::int64_t last_ticks_ = 0;
};

VideoWriter::VideoWriter(const std::filesystem::path& path, const VideoWriterOptions& options)
    : muxer_(std::make_unique<Muxer>(path, options)) {}
VideoWriter::VideoWriter(VideoWriter&&) noexcept = default;
VideoWriter& VideoWriter::operator=(VideoWriter&&) noexcept = default;
VideoWriter::~VideoWriter() = default;

void VideoWriter::write(const Image& image, double pts) {
  muxer_->write(image, pts);
}
void VideoWriter::finish() {
  muxer_->finish();
}
std::int64_t VideoWriter::frames() const noexcept {
  return muxer_->frames();
}
const std::string& VideoWriter::codec() const noexcept {
  return muxer_->codec_name();
}

}  // namespace sluice::stream
