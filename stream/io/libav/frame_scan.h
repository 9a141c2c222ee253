// Reads through a recording without decoding it, to learn when its frames are shown. Private.
#pragma once

#include <cstdint>
#include <vector>

#include "stream/io/libav/demuxer.h"

namespace sluice::stream::libav {

struct FrameScan {
  struct Frame {
    double pts_s = 0;         ///< as DecodedStream will give it
    std::int64_t packet = 0;  ///< index among the video stream's packets
    bool key = false;         ///< decoding can start here
  };
  std::vector<Frame> frames;  ///< in presentation order
  double tick_s = 0;
  /// The time line has no breaks, so packets may be left out without losing the time.
  bool can_skip = true;

  /// The packet at which decoding must start to get the picture shown at `frames[index]`.
  [[nodiscard]] std::int64_t key_packet_before(std::size_t index) const;
};

/// Throws sluice::Error as Demuxer does.
[[nodiscard]] FrameScan scan_frames(const Location& location, Interrupt& interrupt);

}  // namespace sluice::stream::libav
