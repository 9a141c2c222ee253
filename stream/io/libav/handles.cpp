#include "stream/io/libav/handles.h"

extern "C" {
#include <libavutil/error.h>
#include <libavutil/log.h>
}

#include <mutex>

#include "kernels/error.h"

namespace sluice::stream::libav {

FrameHandle make_frame() {
  FrameHandle frame(av_frame_alloc());
  if (!frame) throw system_error("video", "out of memory for a frame");
  return frame;
}

PacketHandle make_packet() {
  PacketHandle packet(av_packet_alloc());
  if (!packet) throw system_error("video", "out of memory for a packet");
  return packet;
}

std::string error_text(int code) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(code, text, sizeof text);
  return text;
}

void silence_log() {
  static std::once_flag once;
  std::call_once(once, [] {
    if (av_log_get_level() == AV_LOG_INFO) av_log_set_level(AV_LOG_QUIET);
  });
}

}  // namespace sluice::stream::libav
