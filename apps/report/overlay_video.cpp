#include "apps/report/overlay_video.h"

#include <algorithm>

namespace sluice::report {
namespace {

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
  PictureVideo video(path, options.video, frame_rate(trace));
  stream::Image picture;
  while (!(options.stop && options.stop())) {
    const std::optional<std::int64_t> frame = next_picture(picture);
    if (!frame) break;
    const bool known = *frame >= 0 && *frame < trace.frames();
    video.add(picture, known ? trace.pts[static_cast<std::size_t>(*frame)] : 0,
              [&](stream::Image& shown) { draw_overlay(shown, trace, *frame, options.style); });
    if (options.progress) options.progress(video.frames());
  }
  return video.finish();
}

}  // namespace sluice::report
