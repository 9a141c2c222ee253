#include "apps/recording_pictures.h"

#include "apps/interrupt.h"
#include "apps/progress.h"
#include "apps/report/image_scale.h"
#include "apps/report/overlay_video.h"

namespace sluice::apps {

void ThumbnailStore::offer(std::int64_t frame, const stream::Image& picture,
                           const stream::Source& source) {
  if (frame % stride_ != 0 || picture.empty()) return;
  constexpr int width = 192;
  const int height = source.image_width > 0
                         ? std::max(1, width * source.image_height / source.image_width)
                         : width * picture.height / picture.width;
  kept_[frame] = report::scaled(picture, width, height);
  if (kept_.size() < most_) return;
  stride_ *= 2;
  std::erase_if(kept_, [this](const auto& entry) { return entry.first % stride_ != 0; });
}

report::Thumbnails write_overlay_video(const InputOptions& input, const stream::Trace& trace,
                                       const std::filesystem::path& path) {
  const stream::SourceTrace& source = trace.sources.front();
  report::OverlayVideoOptions overlay;
  overlay.stop = [] { return stop_requested().load(); };
  Progress progress("Drawing the overlay", source.frames());
  overlay.progress = [&progress](std::int64_t frames) { progress.update(frames); };

  stream::VideoReaderOptions options = video_options(input, stop_requested());
  options.max_side = overlay.video.max_width;
  stream::VideoReader reader(input.input, options);
  report::ThumbnailCollector thumbnails(report::thumbnail_frames(source));
  stream::VideoFrame frame;
  report::write_overlay(
      [&](stream::Image& image) -> std::optional<std::int64_t> {
        if (!reader.next(frame) || frame.index >= source.frames()) return std::nullopt;
        thumbnails.offer(frame.index, frame.image);
        std::swap(image, frame.image);
        return frame.index;
      },
      source, path, overlay);
  return thumbnails.thumbnails();
}

report::Thumbnails read_thumbnails(const InputOptions& input,
                                   const std::vector<std::int64_t>& frames) {
  stream::VideoReaderOptions options = video_options(input, stop_requested());
  options.max_side = 640;
  stream::VideoReader reader(input.input, options);
  report::ThumbnailCollector thumbnails(frames);
  Progress progress("Collecting pictures");
  stream::VideoFrame frame;
  while (thumbnails.wants_more() && reader.next(frame)) {
    thumbnails.offer(frame.index, frame.image);
    progress.update(frame.index + 1);
  }
  return thumbnails.thumbnails();
}

}  // namespace sluice::apps
