#include "tests/io/clip_maker.h"

extern "C" {
#include <libavutil/display.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
}

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>

#include "stream/io/libav/handles.h"

namespace sluice::test {
namespace {

using namespace stream::libav;

struct CloseOutput {
  void operator()(AVFormatContext* format) const noexcept {
    if (format->pb != nullptr) avio_closep(&format->pb);
    avformat_free_context(format);
  }
};
using OutputHandle = std::unique_ptr<AVFormatContext, CloseOutput>;

int check(int result, const std::string& action) {
  if (result < 0) throw std::runtime_error(action + ": " + error_text(result));
  return result;
}

CodecHandle open_encoder(const ClipOptions& options, bool global_header) {
  const AVCodec* codec = avcodec_find_encoder_by_name(options.codec.c_str());
  if (codec == nullptr) throw std::runtime_error("no encoder " + options.codec);
  CodecHandle context(avcodec_alloc_context3(codec));
  context->width = options.width;
  context->height = options.height;
  context->pix_fmt = av_get_pix_fmt(options.pixel_format.c_str());
  context->time_base = {1, options.ticks_per_second};
  context->gop_size = options.key_frame_interval;
  context->max_b_frames = options.b_frames;
  context->bit_rate = 4'000'000;
  context->color_range = options.full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_UNSPECIFIED;
  context->strict_std_compliance = FF_COMPLIANCE_UNOFFICIAL;
  context->thread_count = 1;
  // MPEG-2 knows a few frame rates only; the time stamps are the container's business.
  if (codec->id == AV_CODEC_ID_MPEG2VIDEO) context->framerate = {25, 1};
  if (options.codec == "libx264") {
    av_opt_set(context->priv_data, "preset", "ultrafast", 0);
    av_opt_set(context->priv_data, "x264-params", "scenecut=0", 0);
    context->bit_rate = 0;
    av_opt_set(context->priv_data, "crf", "10", 0);
  }
  if (options.codec == "libx265") av_opt_set(context->priv_data, "x265-params", "log-level=0", 0);
  if (global_header) context->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  check(avcodec_open2(context.get(), codec, nullptr), "opening " + options.codec);
  return context;
}

void set_display_matrix(AVStream& stream, const ClipOptions& options) {
  if (options.rotation_degrees == 0 && !options.mirrored) return;
  std::uint8_t* data =
      av_stream_new_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, 9 * sizeof(std::int32_t));
  auto* matrix = reinterpret_cast<std::int32_t*>(data);
  // Clockwise, whatever its documentation says.
  av_display_rotation_set(matrix, options.rotation_degrees);
  if (options.mirrored) {
    // Pixels as row vectors: mirroring first is mirroring from the left.
    for (int i = 0; i < 2; ++i) matrix[i] = -matrix[i];
  }
}

void drain(AVFormatContext& output, AVCodecContext& codec, AVStream& stream) {
  const PacketHandle packet = make_packet();
  while (avcodec_receive_packet(&codec, packet.get()) >= 0) {
    av_packet_rescale_ts(packet.get(), codec.time_base, stream.time_base);
    packet->stream_index = stream.index;
    // Or the last frame would be shown for no time at all, and players would leave it out.
    if (packet->duration == 0) packet->duration = av_rescale_q(1, {1, 25}, stream.time_base);
    check(av_interleaved_write_frame(&output, packet.get()), "writing");
  }
}

FrameHandle to_codec_format(const stream::Image& image, const AVCodecContext& codec) {
  FrameHandle frame = make_frame();
  frame->width = codec.width;
  frame->height = codec.height;
  frame->format = codec.pix_fmt;
  frame->color_range = codec.color_range;
  check(av_frame_get_buffer(frame.get(), 0), "frame");
  ScalerHandle scaler(sws_getContext(
      image.width, image.height, AV_PIX_FMT_RGB24, codec.width, codec.height, codec.pix_fmt,
      SWS_BILINEAR | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INP, nullptr, nullptr, nullptr));
  if (!scaler) throw std::runtime_error("no conversion");
  const bool grey = av_pix_fmt_desc_get(codec.pix_fmt)->nb_components == 1;
  const int range = codec.color_range == AVCOL_RANGE_JPEG || grey ? 1 : 0;
  const int* coefficients = sws_getCoefficients(SWS_CS_DEFAULT);
  sws_setColorspaceDetails(scaler.get(), coefficients, 1, coefficients, range, 0, 1 << 16, 1 << 16);
  const std::uint8_t* const data[] = {image.rgb.data()};
  const int stride[] = {image.width * 3};
  sws_scale(scaler.get(), data, stride, 0, image.height, frame->data, frame->linesize);
  return frame;
}

}  // namespace

std::vector<std::int64_t> steady(int frames, std::int64_t step) {
  std::vector<std::int64_t> pts;
  for (int i = 0; i < frames; ++i) pts.push_back(i * step);
  return pts;
}

void make_clip(const std::string& path, const ClipOptions& options, const Painter& paint) {
  silence_log();
  AVFormatContext* allocated = nullptr;
  check(avformat_alloc_output_context2(&allocated, nullptr, nullptr, path.c_str()), path);
  const OutputHandle output(allocated);
  const CodecHandle codec =
      open_encoder(options, (output->oformat->flags & AVFMT_GLOBALHEADER) != 0);
  AVStream* stream = avformat_new_stream(output.get(), nullptr);
  stream->time_base = codec->time_base;
  check(avcodec_parameters_from_context(stream->codecpar, codec.get()), "parameters");
  set_display_matrix(*stream, options);
  check(avio_open(&output->pb, path.c_str(), AVIO_FLAG_WRITE), path);
  check(avformat_write_header(output.get(), nullptr), "header");
  stream::Image image;
  for (std::size_t i = 0; i < options.pts.size(); ++i) {
    image.resize(options.width, options.height);
    std::fill(image.rgb.begin(), image.rgb.end(), std::uint8_t{0});
    paint(image, static_cast<int>(i));
    const FrameHandle frame = to_codec_format(image, *codec);
    frame->pts = options.pts[i];
    check(avcodec_send_frame(codec.get(), frame.get()), "encoding");
    drain(*output, *codec, *stream);
  }
  check(avcodec_send_frame(codec.get(), nullptr), "flushing");
  drain(*output, *codec, *stream);
  check(av_write_trailer(output.get()), "trailer");
}

bool has_encoder(const std::string& name) {
  return avcodec_find_encoder_by_name(name.c_str()) != nullptr;
}

void paint_number(stream::Image& image, int frame) {
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      const bool bit = ((frame >> (x * 10 / image.width)) & 1) != 0;
      for (int c = 0; c < 3; ++c) image.pixel(x, y)[c] = bit ? 235 : 20;
    }
  }
}

int read_number(const stream::Image& image) {
  int number = 0;
  for (int bit = 0; bit < 10; ++bit) {
    const int x = (2 * bit + 1) * image.width / 20;
    if (image.pixel(x, image.height / 2)[1] > 127) number |= 1 << bit;
  }
  return number;
}

std::vector<char> read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void write_bytes(const std::string& path, const std::vector<char>& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace sluice::test
