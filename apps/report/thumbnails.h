// Small pictures of the frames that a report shows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "stream/io/image.h"
#include "stream/trace.h"

namespace sluice::report {

/// Small pictures of a source's frames by frame index, without any overlay.
using Thumbnails = std::map<std::int64_t, stream::Image>;

inline constexpr std::size_t max_segment_thumbnails = 60;
inline constexpr int thumbnail_width = 320;

/// `count` of `total` indices, evenly chosen, ascending, the first always among them; all of them
/// if there are no more.
[[nodiscard]] std::vector<std::size_t> evenly_chosen(std::size_t total, std::size_t count);

/// The frames that write_report() wants pictures of: first frames of segments, evenly chosen.
/// Ascending.
[[nodiscard]] std::vector<std::int64_t> thumbnail_frames(const stream::SourceTrace& trace,
                                                         std::size_t most = max_segment_thumbnails);

/// The frames that write_comparison() wants: moments evenly spread over the recording. Ascending.
[[nodiscard]] std::vector<std::int64_t> comparison_frames(const stream::SourceTrace& trace,
                                                          std::size_t moments = 6);

/// Picks the wanted frames out of a recording that passes by.
class ThumbnailCollector {
 public:
  explicit ThumbnailCollector(const std::vector<std::int64_t>& frames);
  /// Keeps a small copy if the frame is wanted.
  void offer(std::int64_t frame_index, const stream::Image& image);
  /// False once every wanted frame has been seen: the rest of the recording isn't needed.
  [[nodiscard]] bool wants_more() const noexcept;
  [[nodiscard]] const Thumbnails& thumbnails() const noexcept { return thumbnails_; }

 private:
  std::map<std::int64_t, bool> wanted_;  // → seen
  std::size_t missing_ = 0;
  Thumbnails thumbnails_;
};

/// JPEG data URI of the frame with its kept grid drawn over it.
[[nodiscard]] std::string kept_grid_uri(const stream::Image& thumbnail,
                                        const stream::SourceTrace& trace, std::int64_t frame_index);

}  // namespace sluice::report
