// How pictures are scaled.
#pragma once

namespace sluice::stream {

/// Both widen with the reduction, so that no pixel is skipped.
enum class ResizeFilter {
  bilinear,  ///< fast; colour, not brightness, at half the width
  bicubic,   ///< a = −0.5 (Catmull-Rom), as encoders are trained with; all of the colour
};

}  // namespace sluice::stream
