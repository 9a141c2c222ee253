// Decoded frames with times, wherever they come from. Private.
#pragma once

#include <cstdint>

#include "stream/io/libav/handles.h"
#include "stream/io/libav/orientation.h"

namespace sluice::stream::libav {

struct DecodedFrame {
  FrameHandle frame = make_frame();
  double pts_s = 0;       ///< from the start of the video
  double duration_s = 0;  ///< how long it is shown
  Orientation orientation;
};

class FrameFeed {
 public:
  virtual ~FrameFeed() = default;
  /// The next frame in presentation order; false at the end. What doesn't decode is skipped.
  [[nodiscard]] virtual bool next(DecodedFrame& frame) = 0;
  /// Goes on at the packet (or image file) of this index, 0, 1, 2 … since the start, which must be
  /// a key frame; what lies before is not decoded. Does nothing if it lies behind already.
  virtual void skip_to_packet(std::int64_t index) = 0;
  /// Packets or files that could not be used.
  [[nodiscard]] virtual std::int64_t skipped() const noexcept = 0;
  /// Adds to the log what had to be repaired; call once, at the end.
  virtual void log_repairs() {}
};

}  // namespace sluice::stream::libav
