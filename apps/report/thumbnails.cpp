#include "apps/report/thumbnails.h"

#include "apps/report/html.h"
#include "apps/report/image_scale.h"
#include "apps/report/overlay.h"

namespace sluice::report {

std::vector<std::size_t> evenly_chosen(std::size_t total, std::size_t count) {
  std::vector<std::size_t> chosen;
  if (count == 0) return chosen;
  const std::size_t taken = std::min(total, count);
  for (std::size_t i = 0; i < taken; ++i) chosen.push_back(i * total / taken);
  return chosen;
}

std::vector<std::int64_t> thumbnail_frames(const stream::SourceTrace& trace, std::size_t most) {
  std::vector<std::int64_t> frames;
  for (const std::size_t s : evenly_chosen(trace.segments.size(), most)) {
    frames.push_back(trace.segments[s].first);
  }
  return frames;
}

std::vector<std::int64_t> comparison_frames(const stream::SourceTrace& trace, std::size_t moments) {
  const auto frames = static_cast<std::size_t>(trace.frames());
  const std::size_t count = std::min(frames, moments);
  std::vector<std::int64_t> chosen;
  // The middles of equal parts: the very first frame of a recording is often not typical.
  for (std::size_t i = 0; i < count; ++i) {
    chosen.push_back(static_cast<std::int64_t>((2 * i + 1) * frames / (2 * count)));
  }
  return chosen;
}

ThumbnailCollector::ThumbnailCollector(const std::vector<std::int64_t>& frames) {
  for (const std::int64_t frame : frames) wanted_.emplace(frame, false);
  missing_ = wanted_.size();
}

void ThumbnailCollector::offer(std::int64_t frame_index, const stream::Image& image) {
  const auto wanted = wanted_.find(frame_index);
  if (wanted == wanted_.end() || wanted->second || image.empty()) return;
  thumbnails_.emplace(frame_index, shrunk_to_width(image, thumbnail_width));
  wanted->second = true;
  --missing_;
}

bool ThumbnailCollector::wants_more() const noexcept {
  return missing_ > 0;
}

std::string kept_grid_uri(const stream::Image& thumbnail, const stream::SourceTrace& trace,
                          std::int64_t frame_index) {
  constexpr int jpeg_quality = 80;
  OverlayStyle style;
  style.grid = true;
  style.border = false;
  style.caption = false;
  stream::Image picture = thumbnail;
  // Tiny recordings are enlarged first, so that grid lines stay thin.
  const int factor = std::max(1, thumbnail_width / std::max(1, picture.width));
  if (factor > 1) picture = scaled(picture, picture.width * factor, picture.height * factor);
  draw_overlay(picture, trace, frame_index, style);
  return jpeg_uri(picture, jpeg_quality);
}

}  // namespace sluice::report
