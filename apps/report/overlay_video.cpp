#include "apps/report/overlay_video.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "apps/report/image_scale.h"
#include "stream/io/video_writer.h"

namespace sluice::report {
namespace {

using stream::Image;

/// The size in which pictures are shown, without the caption.
struct Size {
  int width = 0, height = 0;
};

Size shown_size(const Image& image, const OverlayVideoOptions& options) {
  if (image.width > options.max_width) {
    const double scale = static_cast<double>(options.max_width) / image.width;
    return {options.max_width, std::max(1, static_cast<int>(std::lround(image.height * scale)))};
  }
  const int factor = image.width > 0 ? (options.min_width + image.width - 1) / image.width : 1;
  return {image.width * std::max(1, factor), image.height * std::max(1, factor)};
}

/// Frames per second on average; sets how long the last frame is shown.
double frame_rate(const stream::SourceTrace& trace) {
  if (trace.pts.size() < 2) return 1;
  const double span = trace.pts.back() - trace.pts.front();
  if (!(span > 0)) return 25;
  return std::clamp(static_cast<double>(trace.pts.size() - 1) / span, 0.01, 240.0);
}

}  // namespace

std::int64_t write_overlay(const NextPicture& next_picture, const stream::SourceTrace& trace,
                           const std::filesystem::path& path, const OverlayVideoOptions& options) {
  std::optional<stream::VideoWriter> writer;
  Size size;
  Image picture;
  double last_pts = 0;
  while (!(options.stop && options.stop())) {
    const std::optional<std::int64_t> frame = next_picture(picture);
    if (!frame) break;
    if (!writer) size = shown_size(picture, options);
    // The video has one size, whatever the recording does in its middle.
    Image shown = picture.width == size.width && picture.height == size.height
                      ? picture
                      : scaled(picture, size.width, size.height);
    draw_overlay(shown, trace, *frame, options.style);
    double pts = trace.pts[static_cast<std::size_t>(*frame)];
    if (writer) {
      // Some recordings repeat a time stamp; a video file can't.
      pts = std::max(pts, last_pts + 0.001);
    } else {
      stream::VideoWriterOptions video;
      video.width = shown.width;
      video.height = shown.height;
      video.frame_rate = frame_rate(trace);
      video.crf = options.crf;
      video.preset = options.preset;
      writer.emplace(path, video);
    }
    writer->write(shown, pts);
    last_pts = pts;
    if (options.progress) options.progress(writer->frames());
  }
  if (!writer) return 0;
  writer->finish();
  return writer->frames();
}

}  // namespace sluice::report
