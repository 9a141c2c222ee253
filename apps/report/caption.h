// The band below an overlay of a video: time, counts and segment as text, and a time line.
#pragma once

#include <cstdint>

#include "apps/report/caption_line.h"
#include "apps/report/trace_statistics.h"
#include "stream/io/image.h"

namespace sluice::report {

/// Adds the band to the bottom of `image`. `counts` are those of the frame.
void append_caption(stream::Image& image, const stream::SourceTrace& trace,
                    std::int64_t frame_index, const FateCounts& counts);

}  // namespace sluice::report
