// Pictures of a recording as a video: of one size, with growing time stamps, whatever comes in.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "stream/io/image.h"

namespace sluice::stream {
class VideoWriter;
}

namespace sluice::report {

struct PictureVideoOptions {
  /// Smaller pictures are enlarged by a whole factor, or a caption would not fit.
  int min_width = 640;
  int max_width = 1280;             ///< larger pictures are shrunk: encoding takes most of the time
  int crf = 21;                     ///< x264 quality; lower is better and larger
  std::string preset = "veryfast";  ///< x264 preset: time against file size
};

/// Draws into a picture that has its final size; may add rows to its bottom, always as many.
using DrawPicture = std::function<void(stream::Image& picture)>;

class PictureVideo {
 public:
  /// `frame_rate`: frames per second on average, sets how long the last frame is shown.
  PictureVideo(std::filesystem::path path, const PictureVideoOptions& options, double frame_rate);
  PictureVideo(const PictureVideo&) = delete;
  PictureVideo& operator=(const PictureVideo&) = delete;
  ~PictureVideo();

  /// Throws sluice::Error (kind system) if the disk is full.
  void add(const stream::Image& picture, double pts, const DrawPicture& draw);
  /// Puts the file in its place, and returns the number of its frames; 0 frames leave no file.
  std::int64_t finish();
  [[nodiscard]] std::int64_t frames() const noexcept;

 private:
  std::filesystem::path path_;
  PictureVideoOptions options_;
  double frame_rate_;
  int width_ = 0, height_ = 0;  ///< without what is drawn below
  double last_pts_ = 0;
  std::unique_ptr<stream::VideoWriter> writer_;
};

}  // namespace sluice::report
