// How a picture must be turned before it is shown. Private.
#pragma once

#include <optional>

#include "stream/io/libav/handles.h"

namespace sluice::stream::libav {

/// Pixel (x, y) goes to (xx·x + xy·y, yx·x + yy·y), moved back into the first quadrant. Each row
/// and column holds one ±1 and one 0: quarter turns and mirrorings.
struct Orientation {
  int xx = 1, xy = 0;
  int yx = 0, yy = 1;

  [[nodiscard]] bool swaps_axes() const noexcept { return xx == 0; }
  [[nodiscard]] bool is_upright() const noexcept { return xx == 1 && yy == 1; }
  /// Clockwise: 0, 90, 180 or 270. A mirroring counts as the turn of its x axis.
  [[nodiscard]] int degrees() const noexcept;
  friend bool operator==(const Orientation&, const Orientation&) = default;
};

/// From the container's display matrix, or else from the frame's own (H.264, HEVC) or EXIF tag.
/// Nothing if a matrix asks for an angle that is not a multiple of 90°.
[[nodiscard]] std::optional<Orientation> find_orientation(const AVStream& stream,
                                                          const AVFrame& frame);

}  // namespace sluice::stream::libav
