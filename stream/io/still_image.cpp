#include "stream/io/still_image.h"

extern "C" {
#include <libavutil/pixdesc.h>
}

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>

#include "kernels/error.h"
#include "stream/io/libav/check.h"
#include "stream/io/libav/picture_converter.h"

namespace sluice::stream {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t max_pixels = std::int64_t{1} << 28;
constexpr std::string_view png_signature("\x89PNG\r\n\x1a\n", 8);
constexpr std::string_view jpeg_signature("\xff\xd8\xff", 3);
constexpr std::string_view whole_picture = "a whole PNG or JPEG";

/// A file's bytes, followed by the zeros that FFmpeg may read beyond the end.
struct Bytes {
  std::vector<char> padded;
  std::size_t size = 0;

  [[nodiscard]] std::string_view text() const { return {padded.data(), size}; }
};

void read_bytes(const fs::path& path, Bytes& bytes) {
  const std::string where = path.string();
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) throw input_error(where, "no such file", whole_picture);
  if (!fs::is_regular_file(status)) throw input_error(where, "is not a file", whole_picture);
  const std::uintmax_t size = fs::file_size(path, error);
  if (error) throw input_error(where, "can't be read: " + error.message(), whole_picture);
  if (size == 0) throw input_error(where, "the file is empty", whole_picture);
  if (size > std::numeric_limits<std::int32_t>::max())
    throw input_error(where, concat("has ", size, " bytes"), "a picture below 2 GiB");
  bytes.size = static_cast<std::size_t>(size);
  bytes.padded.assign(bytes.size + AV_INPUT_BUFFER_PADDING_SIZE, '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file.read(bytes.padded.data(), static_cast<std::streamsize>(bytes.size)))
    throw input_error(where, concat("can't be read: ", std::strerror(errno)), whole_picture);
}

/// By what the file holds; its name may lie.
AVCodecID codec_of(const Bytes& bytes, const std::string& where) {
  if (bytes.text().starts_with(png_signature)) return AV_CODEC_ID_PNG;
  if (bytes.text().starts_with(jpeg_signature)) return AV_CODEC_ID_MJPEG;
  throw input_error(where, "is neither PNG nor JPEG", whole_picture);
}

/// FFmpeg makes up for a missing end, so it is looked for here. Cameras may add bytes of their own
/// behind it.
bool has_end(const Bytes& bytes, AVCodecID codec) {
  constexpr std::size_t most_behind = 4096;
  const std::string_view mark = codec == AV_CODEC_ID_PNG ? "IEND" : "\xff\xd9";
  const std::string_view text = bytes.text();
  return text.substr(text.size() - std::min(text.size(), most_behind)).find(mark) !=
         std::string_view::npos;
}

Error damaged(const std::string& where, std::string_view how) {
  return input_error(where, concat("is cut short or damaged", how.empty() ? "" : ": ", how),
                     whole_picture);
}

std::string_view format_name(const AVFrame& frame) {
  const char* name = av_get_pix_fmt_name(static_cast<AVPixelFormat>(frame.format));
  return name != nullptr ? name : "unknown";
}

void copy_depth(const AVFrame& frame, RawDepth& depth, const std::string& where) {
  const bool is_8_bit = frame.format == AV_PIX_FMT_GRAY8;
  const bool is_big = frame.format == AV_PIX_FMT_GRAY16BE;
  if (!is_8_bit && !is_big && frame.format != AV_PIX_FMT_GRAY16LE)
    throw input_error(where, concat("has pixels of the kind ", format_name(frame)),
                      "a depth image: 16-bit grey");
  depth.width = frame.width;
  depth.height = frame.height;
  depth.bits = is_8_bit ? 8 : 16;
  depth.values.resize(static_cast<std::size_t>(frame.width) *
                      static_cast<std::size_t>(frame.height));
  std::uint16_t* value = depth.values.data();
  for (int y = 0; y < frame.height; ++y) {
    const std::uint8_t* from = frame.data[0] + static_cast<std::ptrdiff_t>(y) * frame.linesize[0];
    for (int x = 0; x < frame.width; ++x) {
      if (is_8_bit) {
        *value++ = *from++;
      } else {
        const unsigned first = from[0], second = from[1];
        *value++ = static_cast<std::uint16_t>(is_big ? first << 8 | second : second << 8 | first);
        from += 2;
      }
    }
  }
}

}  // namespace

struct StillImageReader::Decoder {
  Bytes bytes;
  libav::FrameHandle frame = libav::make_frame();
  libav::PacketHandle packet = libav::make_packet();
  libav::PictureConverter converter;

  void decode(const fs::path& path);

 private:
  static libav::CodecHandle open(AVCodecID id, const std::string& where);
};

libav::CodecHandle StillImageReader::Decoder::open(AVCodecID id, const std::string& where) {
  const AVCodec* description = avcodec_find_decoder(id);
  if (description == nullptr)
    throw system_error(where, concat("this FFmpeg has no ", avcodec_get_name(id), " decoder"));
  libav::CodecHandle codec = libav::require(libav::CodecHandle(avcodec_alloc_context3(description)),
                                            where, "creating the decoder");
  codec->thread_count = 1;
  codec->max_pixels = max_pixels;
  codec->err_recognition = AV_EF_CRCCHECK | AV_EF_BITSTREAM | AV_EF_BUFFER | AV_EF_EXPLODE;
  libav::check(avcodec_open2(codec.get(), description, nullptr), where, "opening the decoder");
  return codec;
}

void StillImageReader::Decoder::decode(const fs::path& path) {
  const std::string where = path.string();
  read_bytes(path, bytes);
  const AVCodecID id = codec_of(bytes, where);
  if (!has_end(bytes, id)) throw damaged(where, "its end is missing");
  // A decoder of its own for each picture, so that none shows through where the next is damaged.
  const libav::CodecHandle codec = open(id, where);
  packet->data = reinterpret_cast<std::uint8_t*>(bytes.padded.data());
  packet->size = static_cast<int>(bytes.size);
  int result = avcodec_send_packet(codec.get(), packet.get());
  av_packet_unref(packet.get());
  if (result >= 0) result = avcodec_send_packet(codec.get(), nullptr);
  if (result >= 0) result = avcodec_receive_frame(codec.get(), frame.get());
  if (result == AVERROR(ENOMEM)) throw system_error(where, "out of memory for the picture");
  if (result < 0) throw damaged(where, libav::error_text(result));
  if (frame->decode_error_flags != 0 || (frame->flags & AV_FRAME_FLAG_CORRUPT) != 0)
    throw damaged(where, {});
}

StillImageReader::StillImageReader() : decoder_(std::make_unique<Decoder>()) {
  libav::silence_log();
}
StillImageReader::StillImageReader(StillImageReader&&) noexcept = default;
StillImageReader& StillImageReader::operator=(StillImageReader&&) noexcept = default;
StillImageReader::~StillImageReader() = default;

void StillImageReader::read(const fs::path& path, Image& image) {
  decoder_->decode(path);
  const AVFrame& frame = *decoder_->frame;
  decoder_->converter.convert(frame, libav::Orientation{}, frame.width, frame.height, image);
}

void StillImageReader::read(const fs::path& path, RawDepth& depth) {
  decoder_->decode(path);
  copy_depth(*decoder_->frame, depth, path.string());
}

}  // namespace sluice::stream
