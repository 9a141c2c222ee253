// The band below an overlay: time, counts and segment as text, and a time line.
#pragma once

#include <cstdint>

#include "apps/report/trace_statistics.h"
#include "stream/io/image.h"

namespace sluice::report {

/// All measures follow from the picture's width.
struct CaptionLayout {
  explicit CaptionLayout(int image_width) noexcept;
  int unit = 1;  ///< picture pixels per font pixel
  int padding = 0, text_top = 0, track_top = 0, track_height = 0, height = 0;
};

/// Adds the band to the bottom of `image`. `counts` are those of the frame.
void append_caption(stream::Image& image, const stream::SourceTrace& trace,
                    std::int64_t frame_index, const FateCounts& counts);

}  // namespace sluice::report
