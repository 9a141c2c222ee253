#include "stream/io/video_writer.h"

extern "C" {
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
}

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include "stream/io/libav/check.h"
#include "stream/io/libav/yuv_converter.h"

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

/// x264's AVX-512 code makes different choices from run to run (seen with build 164, in its
/// look-ahead), so it is not used. There is no such trouble with AVX2 and below.
bool has_avx512() noexcept {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f") != 0;
#else
  return false;
#endif
}

/// Quality settings of the codec at hand: x264's own, or a quantiser that looks about the same.
void set_quality(AVCodecContext& codec, const VideoWriterOptions& options,
                 const std::string& where) {
  if (codec.codec_id == AV_CODEC_ID_H264) {
    const std::string crf = std::to_string(options.crf);
    check(av_opt_set(codec.priv_data, "crf", crf.c_str(), 0), where, "setting crf");
    check(av_opt_set(codec.priv_data, "preset", options.preset.c_str(), 0), where,
          "setting the preset");
    if (has_avx512()) {
      check(av_opt_set(codec.priv_data, "x264-params", "asm=avx2", 0), where,
            "setting the instruction set");
    }
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
      AVFrame& frame = converter_->convert(image);
      frame.pts = ticks;
      frame.quality = codec_->global_quality;
      check(avcodec_send_frame(codec_.get(), &frame), where_, "encoding");
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
      created_ = false;
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
    allocate_buffers();
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
    created_ = true;
    check(av_opt_set(format_->priv_data, "movflags", "+faststart", 0), where_, "setting faststart");
    check(avformat_write_header(format_.get(), nullptr), where_, "writing the header");
  }

  void allocate_buffers() {
    packet_ = libav::make_packet();
    converter_.emplace(*codec_, where_);
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
    format_.reset();
    std::error_code ignored;
    if (created_) std::filesystem::remove(temporary_, ignored);
  }

  std::filesystem::path path_, temporary_;
  std::string where_;
  VideoWriterOptions options_;
  std::string codec_name_;
  libav::CodecHandle codec_;
  FormatHandle format_;  ///< null once finished or failed
  AVStream* stream_ = nullptr;
  std::optional<libav::YuvConverter> converter_;
  libav::PacketHandle packet_;
  bool created_ = false;  ///< the temporary file is there and ours
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
