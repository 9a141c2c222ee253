// Pictures of a recording for its report: collected on the way, or by reading the video again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "apps/open_input.h"
#include "apps/report/thumbnails.h"
#include "stream/io/image.h"
#include "stream/trace.h"

namespace sluice::apps {

/// Keeps small pictures while a recording passes by, before anybody knows which frames a report
/// will want. Memory is bounded: once full, every second picture goes, and then only every second
/// frame is kept, and so on.
class ThumbnailStore {
 public:
  explicit ThumbnailStore(std::size_t most = 2048) : most_(most) {}
  /// `picture` is squeezed to the tokenizer's working size; `source` knows the true proportions.
  void offer(std::int64_t frame, const stream::Image& picture, const stream::Source& source);
  [[nodiscard]] report::Thumbnails take() { return std::move(kept_); }

 private:
  std::size_t most_;
  std::int64_t stride_ = 1;
  report::Thumbnails kept_;
};

/// Reads the video again, exactly as the engine did, and draws the trace over it. Returns the
/// thumbnails that the report wants. A stop request ends the overlay early; it stays playable.
report::Thumbnails write_overlay_video(const InputOptions& input, const stream::Trace& trace,
                                       const std::filesystem::path& path);

/// Pictures of these frames, ascending.
[[nodiscard]] report::Thumbnails read_thumbnails(const InputOptions& input,
                                                 const std::vector<std::int64_t>& frames);

}  // namespace sluice::apps
