// Pictures from video files, URLs, image sequences, GIFs and cameras, through FFmpeg.
//
//   VideoReader reader("clip.mp4", {.fps = 2, .width = 384, .height = 384});
//   VideoFrame frame;
//   while (reader.next(frame)) use(frame.image, frame.pts);
//
// The same input and options give the same bytes on every run and processor.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "stream/feature_frame.h"
#include "stream/io/image.h"
#include "stream/io/resize_filter.h"

namespace sluice::stream {

struct VideoReaderOptions {
  /// Frames per second to take, by presentation time (frame_sampler.h says exactly which).
  std::optional<double> fps = std::nullopt;
  /// Frames to take in all, spread evenly over the duration. Needs a recording, and reads it once
  /// before decoding (without decoding) to learn the frames' times. Not together with `fps`.
  std::optional<std::int64_t> frames = std::nullopt;
  /// Size of the pictures delivered; 0: as the video has it. With one of the two given, the other
  /// follows from the aspect ratio. Scaling happens while converting to RGB, so it costs little.
  int width = 0;
  int height = 0;
  /// If > 0, pictures are shrunk, keeping the aspect ratio, until no side is longer. Not together
  /// with `width` or `height`.
  int max_side = 0;
  ResizeFilter filter = ResizeFilter::bilinear;
  /// Decoder threads; 0: one per core. More is faster, and gives the same bytes for an intact
  /// video. Damaged parts, however, are patched up differently for each number of threads, so that
  /// the same input gives the same output everywhere only with a fixed number.
  int threads = 1;
  /// Frames per second that an image sequence was taken at.
  double image_rate = 25;
  /// Network inputs and cameras: give up when nothing arrives for this long.
  double timeout_s = 10;
  /// When this becomes true, next() returns false soon, even out of blocking reads.
  const std::atomic<bool>* stop = nullptr;
};

struct VideoFrame {
  Image image;
  double pts = 0;          ///< seconds from the start of the video
  std::int64_t index = 0;  ///< 0, 1, 2 … of the frames delivered
};

/// What is known about a video once it is open.
struct VideoInfo {
  std::string input;   ///< as it was given
  std::string format;  ///< FFmpeg's name of the container, or "image sequence"
  std::string codec;
  int native_width = 0;  ///< as shown, that is after rotation
  int native_height = 0;
  int width = 0;  ///< of the pictures delivered
  int height = 0;
  int rotation_degrees = 0;                 ///< clockwise, applied before delivery
  std::optional<double> duration_s;         ///< as the container states it
  std::optional<double> frame_rate;         ///< average, as the container states it
  std::optional<std::int64_t> frame_count;  ///< frames to be delivered; an estimate except for
                                            ///< `frames` and image sequences
  bool is_recording = false;                ///< can be read again and gives the same frames
};

/// Input: a path; a URL ("rtsp://…", "http://…"); an image sequence as a printf pattern
/// ("frame-%06d.png"), as a glob ("shots/*.jpg") or as a folder that holds one series of images;
/// with libavdevice a camera ("v4l2:/dev/video0") or a test source ("lavfi:testsrc2").
///
/// Rotation from the container's display matrix is applied. Transparent pixels are laid over black.
/// Untagged YUV is taken for BT.601, limited range, as FFmpeg does. Damaged packets are skipped and
/// counted; pictures whose size changes in mid-stream are scaled to the size delivered before.
class VideoReader {
 public:
  /// Opens the input and decodes up to the first picture, so that whatever is unusable fails here:
  /// throws sluice::Error (kind input) for options that make no sense, a missing or empty file, a
  /// file without video, a video of which nothing decodes, a folder without images; (kind system)
  /// when a URL or camera cannot be reached in time, or `stop` was set meanwhile.
  explicit VideoReader(const std::string& input, const VideoReaderOptions& options = {});
  VideoReader(VideoReader&&) noexcept;
  VideoReader& operator=(VideoReader&&) noexcept;
  ~VideoReader();

  /// Fills `frame`, reusing its memory. False at the end of the video, once `stop` is set, or when
  /// a live input went silent (noted in the statistics).
  [[nodiscard]] bool next(VideoFrame& frame);

  [[nodiscard]] const VideoInfo& info() const noexcept;
  [[nodiscard]] InputStatistics statistics() const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace sluice::stream
