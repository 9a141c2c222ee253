#include "stream/io/image_writer.h"

#include <bit>
#include <cstring>
#include <string_view>

#include "stream/atomic_file.h"
#include "stream/io/libav/check.h"
#include "stream/io/libav/yuv_converter.h"

namespace sluice::stream {
namespace {

using libav::check;
using libav::require;

/// A row-major picture of any pixel format with one plane.
struct Plane {
  const std::uint8_t* bytes = nullptr;
  std::size_t row_bytes = 0;
  int width = 0;
  int height = 0;
  AVPixelFormat format = AV_PIX_FMT_NONE;
};

void check_size(std::string_view where, std::size_t elements, int width, int height,
                std::size_t channels) {
  if (width < 1 || height < 1 || width > 32767 || height > 32767) {
    throw input_error(where, concat("size ", width, "x", height), "1 to 32767 pixels each way");
  }
  const std::size_t wanted =
      static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * channels;
  if (elements != wanted) {
    throw input_error(where, concat(elements, " values"),
                      concat(wanted, " for ", width, "x", height));
  }
}

libav::CodecHandle open_codec(AVCodecID id, AVPixelFormat format, int width, int height,
                              std::string_view where) {
  libav::silence_log();
  const AVCodec* description = avcodec_find_encoder(id);
  if (description == nullptr) {
    throw system_error(where, concat("this FFmpeg has no ", avcodec_get_name(id), " encoder"));
  }
  libav::CodecHandle codec = require(libav::CodecHandle(avcodec_alloc_context3(description)), where,
                                     "creating the encoder");
  codec->width = width;
  codec->height = height;
  codec->pix_fmt = format;
  codec->time_base = {1, 25};
  codec->thread_count = 1;
  codec->flags |= AV_CODEC_FLAG_BITEXACT;
  return codec;
}

/// Opens `codec` and encodes the one `frame`.
std::vector<std::uint8_t> encode(AVCodecContext& codec, const AVFrame& frame,
                                 std::string_view where) {
  check(avcodec_open2(&codec, codec.codec, nullptr), where, "opening the encoder");
  check(avcodec_send_frame(&codec, &frame), where, "encoding");
  libav::PacketHandle packet = libav::make_packet();
  check(avcodec_send_frame(&codec, nullptr), where, "encoding");
  check(avcodec_receive_packet(&codec, packet.get()), where, "encoding");
  return {packet->data, packet->data + packet->size};
}

std::vector<std::uint8_t> encode_plane(const Plane& plane, std::string_view where) {
  libav::CodecHandle codec =
      open_codec(AV_CODEC_ID_PNG, plane.format, plane.width, plane.height, where);
  codec->compression_level = 4;  // level 9 takes several times as long for some per cent
  libav::FrameHandle frame = libav::make_frame();
  frame->format = plane.format;
  frame->width = plane.width;
  frame->height = plane.height;
  check(av_frame_get_buffer(frame.get(), 0), where, "creating a frame");
  for (int y = 0; y < plane.height; ++y) {
    std::memcpy(frame->data[0] + static_cast<std::ptrdiff_t>(y) * frame->linesize[0],
                plane.bytes + static_cast<std::size_t>(y) * plane.row_bytes, plane.row_bytes);
  }
  return encode(*codec, *frame, where);
}

}  // namespace

std::vector<std::uint8_t> encode_png(const Image& image) {
  check_size("png", image.rgb.size(), image.width, image.height, 3);
  return encode_plane({image.rgb.data(), static_cast<std::size_t>(image.width) * 3, image.width,
                       image.height, AV_PIX_FMT_RGB24},
                      "png");
}

std::vector<std::uint8_t> encode_png(std::span<const std::uint8_t> values, int width, int height) {
  check_size("png", values.size(), width, height, 1);
  return encode_plane(
      {values.data(), static_cast<std::size_t>(width), width, height, AV_PIX_FMT_GRAY8}, "png");
}

std::vector<std::uint8_t> encode_png(std::span<const std::uint16_t> values, int width, int height) {
  check_size("png", values.size(), width, height, 1);
  std::vector<std::uint16_t> big_endian;  // as PNG stores them
  big_endian.reserve(values.size());
  for (const std::uint16_t value : values) {
    if constexpr (std::endian::native == std::endian::little) {
      big_endian.push_back(static_cast<std::uint16_t>((value << 8) | (value >> 8)));
    } else {
      big_endian.push_back(value);
    }
  }
  return encode_plane({reinterpret_cast<const std::uint8_t*>(big_endian.data()),
                       static_cast<std::size_t>(width) * 2, width, height, AV_PIX_FMT_GRAY16BE},
                      "png");
}

std::vector<std::uint8_t> encode_jpeg(const Image& image, int quality) {
  check_size("jpeg", image.rgb.size(), image.width, image.height, 3);
  if (quality < 1 || quality > 100) {
    throw input_error("jpeg", concat("quality ", quality), "1 to 100");
  }
  libav::CodecHandle codec =
      open_codec(AV_CODEC_ID_MJPEG, AV_PIX_FMT_YUVJ420P, image.width, image.height, "jpeg");
  codec->color_range = AVCOL_RANGE_JPEG;
  codec->flags |= AV_CODEC_FLAG_QSCALE;
  // FFmpeg's scale runs from 2 (good) to 31 (small).
  const int quantiser = 2 + (100 - quality) * 29 / 99;
  codec->global_quality = FF_QP2LAMBDA * quantiser;
  libav::YuvConverter converter(*codec, "jpeg");
  AVFrame& frame = converter.convert(image);
  frame.quality = codec->global_quality;
  return encode(*codec, frame, "jpeg");
}

void write_file(const std::filesystem::path& path, std::span<const std::uint8_t> bytes) {
  AtomicFile file(path);
  file.write(std::as_bytes(bytes));
  file.commit();
}

}  // namespace sluice::stream
