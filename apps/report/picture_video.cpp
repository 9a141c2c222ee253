#include "apps/report/picture_video.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "apps/report/image_scale.h"
#include "stream/io/video_writer.h"

namespace sluice::report {

using stream::Image;

PictureVideo::PictureVideo(std::filesystem::path path, const PictureVideoOptions& options,
                           double frame_rate)
    : path_(std::move(path)), options_(options), frame_rate_(frame_rate) {}

PictureVideo::~PictureVideo() = default;

void PictureVideo::add(const Image& picture, double pts, const DrawPicture& draw) {
  if (!writer_ && picture.width > options_.max_width) {
    const double scale = static_cast<double>(options_.max_width) / picture.width;
    width_ = options_.max_width;
    height_ = std::max(1, static_cast<int>(std::lround(picture.height * scale)));
  } else if (!writer_) {
    const int factor =
        picture.width > 0 ? (options_.min_width + picture.width - 1) / picture.width : 1;
    width_ = picture.width * std::max(1, factor);
    height_ = picture.height * std::max(1, factor);
  }
  // The video has one size, whatever the recording does in its middle.
  Image shown = picture.width == width_ && picture.height == height_
                    ? picture
                    : scaled(picture, width_, height_);
  draw(shown);
  if (writer_) {
    // Some recordings repeat a time stamp; a video file can't.
    pts = std::max(pts, last_pts_ + 0.001);
  } else {
    stream::VideoWriterOptions video;
    video.width = shown.width;
    video.height = shown.height;
    video.frame_rate = frame_rate_;
    video.crf = options_.crf;
    video.preset = options_.preset;
    writer_ = std::make_unique<stream::VideoWriter>(path_, video);
  }
  writer_->write(shown, pts);
  last_pts_ = pts;
}

std::int64_t PictureVideo::finish() {
  if (!writer_) return 0;
  writer_->finish();
  return writer_->frames();
}

std::int64_t PictureVideo::frames() const noexcept {
  return writer_ ? writer_->frames() : 0;
}

}  // namespace sluice::report
