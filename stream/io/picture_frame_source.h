// Frames of features that were made from pictures, with the pictures behind them.
#pragma once

#include "stream/feature_frame.h"
#include "stream/io/image.h"

namespace sluice::stream {

class PictureFrameSource : public FrameSource {
 public:
  /// The picture behind the frame that next() delivered last, at the size the features were
  /// computed from. Valid until the next call; only after next() returned true.
  [[nodiscard]] virtual const Image& picture() const noexcept = 0;
};

}  // namespace sluice::stream
