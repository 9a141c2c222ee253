#include "stream/io/video_reader.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "kernels/error.h"
#include "stream/io/frame_sampler.h"
#include "stream/io/image_sequence.h"
#include "stream/io/libav/decoded_stream.h"
#include "stream/io/libav/frame_feed.h"
#include "stream/io/libav/frame_scan.h"
#include "stream/io/libav/image_feed.h"
#include "stream/io/libav/picture_converter.h"
#include "stream/io/problem_log.h"

namespace sluice::stream {
namespace {

using libav::DecodedFrame;

constexpr int largest_side = 16384;

void check_options(const VideoReaderOptions& options) {
  constexpr std::string_view where = "video options";
  if (options.fps && options.frames) {
    throw input_error(where, "both fps and frames are given", "one of the two");
  }
  if (options.fps) (void)FrameSampler::by_rate(*options.fps, 0);  // throws if out of range
  if (options.frames && *options.frames < 1) {
    throw input_error(where, concat("frames is ", *options.frames), "at least 1");
  }
  for (const int side : {options.width, options.height, options.max_side}) {
    if (side < 0 || side > largest_side) {
      throw input_error(where, concat("a side of ", side, " pixels"),
                        concat("0 (as the video has it) to ", largest_side));
    }
  }
  if (options.max_side > 0 && (options.width > 0 || options.height > 0)) {
    throw input_error(where, "max_side is given together with a size", "one of the two");
  }
  if (options.threads < 0 || options.threads > 64) {
    throw input_error(where, concat("threads is ", options.threads), "0 to 64");
  }
  if (!(options.image_rate > 0 && options.image_rate <= 10000)) {
    throw input_error(where, concat("image_rate is ", options.image_rate),
                      "above 0 and at most 10000");
  }
  if (!(options.timeout_s > 0)) {
    throw input_error(where, concat("timeout_s is ", options.timeout_s), "above 0");
  }
}

int scaled(int side, int numerator, int denominator) {
  const double exact = static_cast<double>(side) * numerator / denominator;
  return std::max(1, static_cast<int>(std::lround(exact)));
}

/// The size delivered, of a picture that is width × height as shown.
std::pair<int, int> delivered_size(int width, int height, const VideoReaderOptions& options) {
  if (options.width > 0 && options.height > 0) return {options.width, options.height};
  if (options.width > 0) return {options.width, scaled(height, options.width, width)};
  if (options.height > 0) return {scaled(width, options.height, height), options.height};
  const int longer = std::max(width, height);
  if (options.max_side == 0 || longer <= options.max_side) return {width, height};
  return {scaled(width, options.max_side, longer), scaled(height, options.max_side, longer)};
}

/// Time stamps are rounded to ticks, so a frame may lie half a tick after the time it was meant
/// for. Coarse ticks (a frame each, or GIF's 10 ms) are exact, and get no more than Matroska's.
double sampling_tolerance_s(double tick_s) {
  return std::min(tick_s / 2, 0.0005) + 1e-9;
}

}  // namespace

class VideoReader::Implementation {
 public:
  Implementation(const std::string& input, const VideoReaderOptions& options);

  bool next(VideoFrame& frame);
  [[nodiscard]] const VideoInfo& info() const noexcept { return info_; }
  [[nodiscard]] InputStatistics statistics() const;

 private:
  void open_sequence();
  void open_stream();
  void sample_evenly(const libav::FrameScan& scan);
  void estimate_frame_count(std::optional<std::int64_t> total);
  void describe_first(const DecodedFrame& decoded);
  [[noreturn]] void fail_without_picture() const;
  bool fill_due();
  bool decode();
  void take(DecodedFrame& decoded);
  void finish();
  bool convert(const DecodedFrame& decoded, Image& image);

  VideoReaderOptions options_;
  libav::Interrupt interrupt_;
  VideoInfo info_;
  ProblemLog log_;
  FrameSampler sampler_;
  std::vector<std::int64_t> start_packets_;  ///< per sampled frame: where decoding starts
  std::unique_ptr<libav::FrameFeed> feed_;
  libav::PictureConverter converter_;

  DecodedFrame decoded_;             ///< offered to the sampler last
  DecodedFrame held_;                ///< offered before it, and not taken so far
  std::array<DecodedFrame, 2> due_;  ///< to be delivered next
  std::size_t due_count_ = 0;
  bool ended_ = false;
  int last_width_ = 0, last_height_ = 0;
  InputStatistics counts_;
};

VideoReader::Implementation::Implementation(const std::string& input,
                                            const VideoReaderOptions& options)
    : options_(options), interrupt_(options.stop, options.timeout_s), converter_(options.filter) {
  check_options(options);
  info_.input = input;
  if (is_image_sequence(input)) {
    open_sequence();
  } else {
    open_stream();
  }
  if (!fill_due()) fail_without_picture();
}

void VideoReader::Implementation::open_sequence() {
  auto files = list_image_sequence(info_.input);
  const auto count = static_cast<std::int64_t>(files.size());
  info_.format = "image sequence";
  info_.codec = files.front().extension().string().substr(1);
  info_.is_recording = true;
  info_.frame_rate = options_.image_rate;
  info_.duration_s = static_cast<double>(count) / options_.image_rate;
  if (options_.fps) sampler_ = FrameSampler::by_rate(*options_.fps, sampling_tolerance_s(0));
  if (options_.frames) {
    libav::FrameScan scan;
    for (std::int64_t i = 0; i < count; ++i) {
      scan.frames.push_back({static_cast<double>(i) / options_.image_rate, i, true});
    }
    sample_evenly(scan);
  }
  estimate_frame_count(count);
  feed_ =
      std::make_unique<libav::ImageFeed>(std::move(files), options_.image_rate, interrupt_, log_);
}

void VideoReader::Implementation::open_stream() {
  const libav::Location location = libav::locate(info_.input);
  if (options_.frames) sample_evenly(libav::scan_frames(location, interrupt_));
  auto stream =
      std::make_unique<libav::DecodedStream>(location, options_.threads, interrupt_, log_);
  const libav::Demuxer& demuxer = stream->demuxer();
  const AVStream& video = demuxer.stream();
  if (options_.fps) {
    sampler_ = FrameSampler::by_rate(*options_.fps, sampling_tolerance_s(libav::tick_s(video)));
  }
  info_.format = demuxer.format().iformat->name;
  info_.codec = avcodec_get_name(video.codecpar->codec_id);
  info_.is_recording = demuxer.is_recording();
  info_.frame_rate = libav::frame_rate(video);
  info_.duration_s = libav::duration_s(demuxer);
  std::optional<std::int64_t> total;
  if (video.nb_frames > 0) {
    total = video.nb_frames;
  } else if (info_.frame_rate && info_.duration_s) {
    total = std::llround(*info_.frame_rate * *info_.duration_s);
  }
  estimate_frame_count(total);
  feed_ = std::move(stream);
}

void VideoReader::Implementation::sample_evenly(const libav::FrameScan& scan) {
  std::vector<double> times;
  times.reserve(scan.frames.size());
  for (const auto& frame : scan.frames) times.push_back(frame.pts_s);
  const double tolerance = sampling_tolerance_s(scan.tick_s);
  std::vector<double> chosen_times;
  for (const std::size_t index : spread_evenly(times, *options_.frames, tolerance)) {
    chosen_times.push_back(times[index]);
    start_packets_.push_back(scan.can_skip ? scan.key_packet_before(index) : 0);
  }
  info_.frame_count = static_cast<std::int64_t>(chosen_times.size());
  sampler_ = FrameSampler::at_times(std::move(chosen_times), tolerance);
}

void VideoReader::Implementation::estimate_frame_count(std::optional<std::int64_t> total) {
  if (options_.frames || !total) return;
  info_.frame_count = total;
  if (options_.fps && info_.duration_s) {
    const double samples = std::ceil(*info_.duration_s * *options_.fps - 1e-6);
    info_.frame_count = std::min(*total, static_cast<std::int64_t>(std::max(samples, 1.0)));
  }
}

void VideoReader::Implementation::fail_without_picture() const {
  if (interrupt_.stopped()) throw system_error(info_.input, "stopped while opening");
  if (interrupt_.timed_out()) throw system_error(info_.input, "no picture in time");
  const auto notes = statistics().notes;
  throw input_error(
      info_.input,
      concat("nothing in it can be decoded", notes.empty() ? "" : " (" + notes.front() + ")"),
      "a video with at least one intact picture");
}

void VideoReader::Implementation::describe_first(const DecodedFrame& decoded) {
  const AVFrame& frame = *decoded.frame;
  const bool turned = decoded.orientation.swaps_axes();
  info_.native_width = turned ? frame.height : frame.width;
  info_.native_height = turned ? frame.width : frame.height;
  info_.rotation_degrees = decoded.orientation.degrees();
  std::tie(info_.width, info_.height) =
      delivered_size(info_.native_width, info_.native_height, options_);
}

bool VideoReader::Implementation::decode() {
  const auto sample = static_cast<std::size_t>(sampler_.next_index());
  if (sample < start_packets_.size()) feed_->skip_to_packet(start_packets_[sample]);
  if (!feed_->next(decoded_)) return false;
  const AVFrame& frame = *decoded_.frame;
  if (counts_.decoded++ == 0) {
    describe_first(decoded_);
  } else if (frame.width != last_width_ || frame.height != last_height_) {
    ++counts_.size_changes;
    log_.add(concat("picture size changes from ", last_width_, "x", last_height_, " to ",
                    frame.width, "x", frame.height));
  }
  last_width_ = frame.width;
  last_height_ = frame.height;
  return true;
}

void VideoReader::Implementation::take(DecodedFrame& decoded) {
  std::swap(due_[due_count_++], decoded);
}

bool VideoReader::Implementation::fill_due() {
  while (due_count_ == 0 && !ended_) {
    if (sampler_.exhausted() || !decode()) {
      finish();
      continue;
    }
    const auto decision = sampler_.offer(decoded_.pts_s);
    if (decision.previous) take(held_);
    if (decision.current) {
      take(decoded_);
    } else {
      std::swap(held_, decoded_);
    }
  }
  return due_count_ > 0;
}

void VideoReader::Implementation::finish() {
  ended_ = true;
  if (interrupt_.stopped()) return;
  if (sampler_.finish(held_.duration_s)) take(held_);
  feed_->log_repairs();
}

bool VideoReader::Implementation::next(VideoFrame& frame) {
  while (!interrupt_.stopped() && fill_due()) {
    DecodedFrame& decoded = due_.front();
    const bool converted = convert(decoded, frame.image);
    frame.pts = decoded.pts_s;
    av_frame_unref(decoded.frame.get());
    std::swap(due_[0], due_[1]);
    --due_count_;
    if (converted) {
      frame.index = counts_.frames++;
      return true;
    }
  }
  return false;
}

bool VideoReader::Implementation::convert(const DecodedFrame& decoded, Image& image) {
  try {
    converter_.convert(*decoded.frame, decoded.orientation, info_.width, info_.height, image);
    return true;
  } catch (const Error& error) {
    // A stream may change to a format that cannot be shown, and back again.
    if (error.kind() == Error::Kind::system || counts_.frames == 0) throw;
    ++counts_.skipped_packets;
    log_.add(error.what());
    return false;
  }
}

InputStatistics VideoReader::Implementation::statistics() const {
  InputStatistics statistics = counts_;
  statistics.skipped_packets += feed_->skipped();
  statistics.notes = log_.notes();
  return statistics;
}

VideoReader::VideoReader(const std::string& input, const VideoReaderOptions& options)
    : implementation_(std::make_unique<Implementation>(input, options)) {}
VideoReader::VideoReader(VideoReader&&) noexcept = default;
VideoReader& VideoReader::operator=(VideoReader&&) noexcept = default;
VideoReader::~VideoReader() = default;

bool VideoReader::next(VideoFrame& frame) {
  return implementation_->next(frame);
}
const VideoInfo& VideoReader::info() const noexcept {
  return implementation_->info();
}
InputStatistics VideoReader::statistics() const {
  return implementation_->statistics();
}

}  // namespace sluice::stream
