// Draws on a picture what became of each of its tokens.
#pragma once

#include <cstdint>

#include "apps/report/canvas.h"
#include "stream/io/image.h"
#include "stream/trace.h"

namespace sluice::report {

struct OverlayStyle {
  bool grid = false;            ///< thin lines between tokens that were not kept
  bool border = true;           ///< a coloured frame when a segment begins, fading after it
  double border_seconds = 0.3;  ///< how long it fades
  bool caption = true;          ///< a band below the picture: time, counts, segments, playhead
};

/// Tints the tokens of `frame_index` in `image`, which shows that frame in any size: kept tokens
/// stay as they are, merged ones turn blue (their cluster centres in the segment's first frame less
/// so, and with an outline), dropped ones grey and dark, non-finite and late ones hatched as well.
/// With a caption the picture grows by caption_height() rows at the bottom. Throws sluice::Error if
/// the picture is empty, the source has no grid or there is no such frame.
void draw_overlay(stream::Image& image, const stream::SourceTrace& trace, std::int64_t frame_index,
                  const OverlayStyle& style = {});

/// Rows that the caption adds to a picture of this width.
[[nodiscard]] int caption_height(int image_width) noexcept;

/// The pixels of one token: grid cells share the picture as evenly as whole pixels allow.
[[nodiscard]] Rectangle cell_area(const stream::Image& image, const stream::Source& source,
                                  std::int32_t position) noexcept;

}  // namespace sluice::report
