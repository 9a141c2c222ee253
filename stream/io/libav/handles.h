// Owners of FFmpeg's objects, and its error texts. Private: included by .cpp files only.
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libswscale/swscale.h>
}

#include <memory>
#include <string>

namespace sluice::stream::libav {

struct FreeHandle {
  void operator()(AVFormatContext* format) const noexcept { avformat_close_input(&format); }
  void operator()(AVCodecContext* context) const noexcept { avcodec_free_context(&context); }
  void operator()(AVFrame* frame) const noexcept { av_frame_free(&frame); }
  void operator()(AVPacket* packet) const noexcept { av_packet_free(&packet); }
  void operator()(SwsContext* context) const noexcept { sws_freeContext(context); }
};
using InputHandle = std::unique_ptr<AVFormatContext, FreeHandle>;
using CodecHandle = std::unique_ptr<AVCodecContext, FreeHandle>;
using FrameHandle = std::unique_ptr<AVFrame, FreeHandle>;
using PacketHandle = std::unique_ptr<AVPacket, FreeHandle>;
using ScalerHandle = std::unique_ptr<SwsContext, FreeHandle>;

/// Throw sluice::Error when out of memory.
[[nodiscard]] FrameHandle make_frame();
[[nodiscard]] PacketHandle make_packet();

[[nodiscard]] std::string error_text(int code);

/// FFmpeg logs to the terminal unless told otherwise, and the library never prints. A program that
/// has chosen a log level of its own keeps it.
void silence_log();

}  // namespace sluice::stream::libav
