// Writes pictures as an H.264 video in an MP4 file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "stream/io/image.h"

namespace sluice::stream {

struct VideoWriterOptions {
  int width = 0;  ///< pixels; odd sizes are padded by one repeated column or row, as 4:2:0 needs
  int height = 0;
  double frame_rate = 30;         ///< nominal: sets how long the last frame is shown
  int crf = 23;                   ///< x264 quality, 0 (lossless) to 51; lower is better and larger
  std::string preset = "medium";  ///< x264 preset, "ultrafast" … "placebo": time against size
  /// Encoder threads. The bytes depend on their number, so it is fixed and not taken from the
  /// machine; with any fixed number they are the same in every run.
  int threads = 2;
};

/// One MP4 file: yuv420p, index in front ("faststart"), a time stamp per frame in 1/90000 s.
///
/// Frames go to `<path>.partial`, which becomes `path` on finish(), so `path` is never half
/// written. The destructor finishes too: a program that is stopped in mid-stream leaves a playable
/// file with the frames so far. Without libx264 in FFmpeg, MPEG-4 part 2 is written instead.
class VideoWriter {
 public:
  /// Throws sluice::Error: kind input for bad options or where no file can be created.
  VideoWriter(const std::filesystem::path& path, const VideoWriterOptions& options);
  VideoWriter(VideoWriter&&) noexcept;
  VideoWriter& operator=(VideoWriter&&) noexcept;
  ~VideoWriter();

  /// Appends a frame to be shown from `pts` seconds on. Throws sluice::Error: kind input if the
  /// size differs from the options' or `pts` does not grow by at least 1/90000 s, kind system if
  /// the disk is full or the encoder fails. After a system error the file is gone and write() keeps
  /// throwing.
  void write(const Image& image, double pts);

  /// Flushes the encoder and puts the file in its place; with no frame written, leaves no file.
  /// Further calls do nothing. Throws sluice::Error (kind system) if the disk is full.
  void finish();

  [[nodiscard]] std::int64_t frames() const noexcept;
  /// "libx264" or "mpeg4".
  [[nodiscard]] const std::string& codec() const noexcept;

 private:
  class Muxer;
  std::unique_ptr<Muxer> muxer_;
};

}  // namespace sluice::stream
