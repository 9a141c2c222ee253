#include "stream/io/libav/demuxer.h"

#ifdef SLUICE_HAVE_LIBAVDEVICE
extern "C" {
#include <libavdevice/avdevice.h>
}
#endif

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <thread>

#include "kernels/error.h"

namespace sluice::stream::libav {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::string_view what_is_readable = "a video, GIF or image that FFmpeg can read";
constexpr std::array<std::string_view, 6> device_formats{"v4l2",  "lavfi",        "x11grab",
                                                         "dshow", "avfoundation", "kmsgrab"};
/// Failed reads in a row after which the rest of a file counts as unreadable.
constexpr int max_failed_reads = 64;

/// "rtsp" of "rtsp://host/path"; empty for anything else.
std::string_view url_scheme(std::string_view input) {
  const std::size_t colon = input.find("://");
  if (colon == std::string_view::npos) return {};
  const std::string_view scheme = input.substr(0, colon);
  const bool valid =
      !scheme.empty() && std::all_of(scheme.begin(), scheme.end(), [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '+' || c == '-' || c == '.';
      });
  return valid ? scheme : std::string_view{};
}

void check_file(const std::string& input, const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) throw input_error(input, "no such file", what_is_readable);
  if (fs::is_directory(status)) throw input_error(input, "is a folder", what_is_readable);
  if (fs::is_regular_file(status) && fs::file_size(path, error) == 0 && !error) {
    throw input_error(input, "the file is empty", what_is_readable);
  }
}

/// FFmpeg shows text as a video of a terminal; nobody means that.
bool is_text_art(AVCodecID codec) {
  return codec == AV_CODEC_ID_ANSI || codec == AV_CODEC_ID_XBIN || codec == AV_CODEC_ID_BINTEXT ||
         codec == AV_CODEC_ID_IDF;
}

/// A moving picture or a still, but not the cover of a piece of music.
bool is_video(const AVStream& stream) {
  return stream.codecpar->codec_type == AVMEDIA_TYPE_VIDEO &&
         (stream.disposition & (AV_DISPOSITION_ATTACHED_PIC | AV_DISPOSITION_TIMED_THUMBNAILS)) ==
             0;
}

/// "aac sound, mov_text subtitles", for the message that there is no video.
std::string describe_streams(const AVFormatContext& format) {
  std::string text;
  for (unsigned i = 0; i < format.nb_streams; ++i) {
    const AVCodecParameters& codec = *format.streams[i]->codecpar;
    const char* kind = codec.codec_type == AVMEDIA_TYPE_AUDIO      ? " sound"
                       : codec.codec_type == AVMEDIA_TYPE_SUBTITLE ? " subtitles"
                       : codec.codec_type == AVMEDIA_TYPE_VIDEO    ? " cover picture"
                                                                   : " data";
    text += concat(text.empty() ? "" : ", ", avcodec_get_name(codec.codec_id), kind);
  }
  return text.empty() ? "nothing" : text;
}

class Dictionary {
 public:
  Dictionary() = default;
  Dictionary(const Dictionary&) = delete;
  Dictionary& operator=(const Dictionary&) = delete;
  ~Dictionary() { av_dict_free(&entries_); }
  void set(const char* key, const char* value) { av_dict_set(&entries_, key, value, 0); }
  [[nodiscard]] AVDictionary** get() noexcept { return &entries_; }

 private:
  AVDictionary* entries_ = nullptr;
};

}  // namespace

Location locate(const std::string& input) {
  if (input.empty()) throw input_error("input", "is an empty name", what_is_readable);
  const std::string_view scheme = url_scheme(input);
  if (scheme == "file") {
    const std::string path = input.substr(7);
    check_file(input, path);
    return {.input = input, .url = "file:" + path, .format = {}, .local_file = true};
  }
  if (!scheme.empty()) return {.input = input, .url = input, .format = {}, .network = true};
  const std::size_t colon = input.find(':');
  const std::string_view device = std::string_view(input).substr(0, std::min(colon, input.size()));
  if (colon != std::string::npos &&
      std::find(device_formats.begin(), device_formats.end(), device) != device_formats.end()) {
#ifdef SLUICE_HAVE_LIBAVDEVICE
    return {.input = input, .url = input.substr(colon + 1), .format = std::string(device)};
#else
    throw input_error(input, "this build has no support for devices",
                      "a build with FFmpeg's libavdevice");
#endif
  }
  check_file(input, input);
  std::error_code error;
  // The prefix keeps FFmpeg from taking "10:30.mp4" for a protocol called "10".
  return {.input = input,
          .url = "file:" + input,
          .format = {},
          .local_file = fs::is_regular_file(input, error)};
}

Interrupt::Interrupt(const std::atomic<bool>* stop, double timeout_s)
    : stop_(stop),
      timeout_(std::chrono::duration_cast<std::chrono::steady_clock::duration>(
          std::chrono::duration<double>(std::clamp(timeout_s, 0.0, 1e9)))) {
  restart();
}

void Interrupt::restart() noexcept {
  deadline_ = std::chrono::steady_clock::now() + timeout_;
  timed_out_ = false;
}

AVIOInterruptCB Interrupt::callback() noexcept {
  return {&Interrupt::poll, this};
}

bool Interrupt::expired() noexcept {
  if (limited_ && std::chrono::steady_clock::now() >= deadline_) timed_out_ = true;
  return timed_out_;
}

int Interrupt::poll(void* self) noexcept {
  auto& interrupt = *static_cast<Interrupt*>(self);
  return interrupt.stopped() || interrupt.expired() ? 1 : 0;
}

Demuxer::Demuxer(const Location& location, Interrupt& interrupt)
    : interrupt_(&interrupt), local_file_(location.local_file) {
  silence_log();
  // Reading a local file takes as long as it takes.
  if (location.local_file) interrupt.no_time_limit();
  open(location);
  select_video_stream(location);
}

void Demuxer::open(const Location& location) {
  const AVInputFormat* forced = nullptr;
#ifdef SLUICE_HAVE_LIBAVDEVICE
  avdevice_register_all();
#endif
  if (!location.format.empty()) {
    forced = av_find_input_format(location.format.c_str());
    if (forced == nullptr) {
      throw input_error(location.input, concat("this FFmpeg has no '", location.format, "' input"));
    }
  }
  AVFormatContext* format = avformat_alloc_context();
  if (format == nullptr) throw system_error(location.input, "out of memory");
  format->interrupt_callback = interrupt_->callback();
  Dictionary options;
  // Over UDP, RTSP loses packets without notice.
  options.set("rtsp_transport", "tcp");

  interrupt_->restart();
  // Frees `format` on failure.
  int result = avformat_open_input(&format, location.url.c_str(), forced, options.get());
  if (result >= 0) {
    format_.reset(format);
    interrupt_->restart();
    result = avformat_find_stream_info(format_.get(), nullptr);
  }
  if (interrupt_->stopped()) throw system_error(location.input, "stopped while opening");
  if (interrupt_->timed_out()) throw system_error(location.input, "no answer in time");
  if (result >= 0) return;
  const std::string problem = concat("cannot be opened (", error_text(result), ")");
  if (location.network || !location.format.empty()) throw system_error(location.input, problem);
  throw input_error(location.input, problem, what_is_readable);
}

void Demuxer::select_video_stream(const Location& location) {
  const int best = av_find_best_stream(format_.get(), AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
  if (best >= 0 && is_video(*format_->streams[best])) {
    stream_ = format_->streams[best];
  } else {
    for (unsigned i = 0; i < format_->nb_streams && stream_ == nullptr; ++i) {
      if (is_video(*format_->streams[i])) stream_ = format_->streams[i];
    }
  }
  if (stream_ == nullptr) {
    throw input_error(location.input, concat("has no video, only ", describe_streams(*format_)),
                      what_is_readable);
  }
  if (is_text_art(stream_->codecpar->codec_id)) {
    throw input_error(location.input, "is a text file", what_is_readable);
  }
  for (unsigned i = 0; i < format_->nb_streams; ++i) {
    if (format_->streams[i] != stream_) format_->streams[i]->discard = AVDISCARD_ALL;
  }
}

bool Demuxer::read(AVPacket& packet, ProblemLog& log) {
  interrupt_->restart();
  for (int failures = 0; failures < max_failed_reads;) {
    if (interrupt_->stopped()) return false;
    const int result = av_read_frame(format_.get(), &packet);
    if (result == 0) {
      if (packet.stream_index == stream_->index) return true;
      av_packet_unref(&packet);
    } else if (interrupt_->stopped() || result == AVERROR_EOF) {
      return false;
    } else if (interrupt_->expired()) {
      log.add("the input went silent; ended after the time limit");
      return false;
    } else if (result == AVERROR(EAGAIN)) {
      std::this_thread::sleep_for(1ms);  // a device without a new picture
    } else {
      ++failures;
      ++skipped_;
      log.add(concat("unreadable data skipped: ", error_text(result)));
    }
  }
  log.add("the rest of the input is unreadable");
  return false;
}

bool Demuxer::is_recording() const noexcept {
  const AVIOContext* io = format_->pb;
  return local_file_ || (io != nullptr && (io->seekable & AVIO_SEEKABLE_NORMAL) != 0);
}

double tick_s(const AVStream& stream) {
  return av_q2d(stream.time_base);
}

std::optional<std::int64_t> start_stamp(const AVStream& stream) {
  if (stream.start_time == AV_NOPTS_VALUE) return std::nullopt;
  return stream.start_time;
}

std::optional<double> frame_rate(const AVStream& stream) {
  for (const AVRational rate : {stream.avg_frame_rate, stream.r_frame_rate}) {
    if (rate.num > 0 && rate.den > 0) return av_q2d(rate);
  }
  return std::nullopt;
}

std::optional<double> duration_s(const Demuxer& demuxer) {
  const AVStream& stream = demuxer.stream();
  if (stream.duration != AV_NOPTS_VALUE && stream.duration > 0) {
    return static_cast<double>(stream.duration) * tick_s(stream);
  }
  const std::int64_t total = demuxer.format().duration;
  if (total == AV_NOPTS_VALUE || total <= 0) return std::nullopt;
  return static_cast<double>(total) / AV_TIME_BASE;
}

}  // namespace sluice::stream::libav
