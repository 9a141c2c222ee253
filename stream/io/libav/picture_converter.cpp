#include "stream/io/libav/picture_converter.h"

extern "C" {
#include <libavutil/pixdesc.h>
}

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/error.h"

namespace sluice::stream::libav {
namespace {

constexpr int exact_flags = SWS_ACCURATE_RND | SWS_BITEXACT;

/// A scaler whose filter only depends on the two pictures and `filter`.
SwsContext* make_scaler(const AVFrame& source, const AVFrame& target, ResizeFilter filter) {
  const bool bicubic = filter == ResizeFilter::bicubic;
  const int quality =
      bicubic ? SWS_BICUBIC | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP : SWS_BILINEAR;
  const std::array<double, 2> catmull_rom{0, 0.5};  // swscale's own would be 0, 0.6
  return sws_getContext(source.width, source.height, static_cast<AVPixelFormat>(source.format),
                        target.width, target.height, static_cast<AVPixelFormat>(target.format),
                        exact_flags | quality, nullptr, nullptr,
                        bicubic ? catmull_rom.data() : nullptr);
}

AVPixelFormat format_of(const AVFrame& frame) {
  return static_cast<AVPixelFormat>(frame.format);
}

bool has_alpha(const AVFrame& frame) {
  const AVPixFmtDescriptor* format = av_pix_fmt_desc_get(format_of(frame));
  return format != nullptr &&
         ((format->flags & AV_PIX_FMT_FLAG_ALPHA) != 0 || frame.format == AV_PIX_FMT_PAL8);
}

/// True if values run from 0 to the maximum. Grey without a tag does, as FFmpeg has it.
bool is_full_range(const AVFrame& frame) {
  switch (frame.format) {
    case AV_PIX_FMT_YUVJ420P:
    case AV_PIX_FMT_YUVJ422P:
    case AV_PIX_FMT_YUVJ444P:
    case AV_PIX_FMT_YUVJ440P:
    case AV_PIX_FMT_YUVJ411P: return true;
    default: break;
  }
  if (frame.color_range != AVCOL_RANGE_UNSPECIFIED) return frame.color_range == AVCOL_RANGE_JPEG;
  const AVPixFmtDescriptor* format = av_pix_fmt_desc_get(format_of(frame));
  return format != nullptr && format->nb_components <= 2;
}

/// `frame` with its own memory of at least this size; its padding lets swscale write past row ends.
void reserve(FrameHandle& frame, AVPixelFormat format, int width, int height) {
  if (frame && frame->width == width && frame->height == height && frame->format == format) return;
  frame = make_frame();
  frame->width = width;
  frame->height = height;
  frame->format = format;
  if (av_frame_get_buffer(frame.get(), 64) < 0) {
    throw system_error("video", concat("out of memory for ", width, "x", height, " pixels"));
  }
}

std::uint8_t* row(AVFrame& frame, int y) {
  return frame.data[0] + static_cast<std::ptrdiff_t>(y) * frame.linesize[0];
}

const std::uint8_t* row(const AVFrame& frame, int y) {
  return frame.data[0] + static_cast<std::ptrdiff_t>(y) * frame.linesize[0];
}

void copy_upright(const AVFrame& rgb, Image& image) {
  const std::size_t row_bytes = static_cast<std::size_t>(image.width) * 3;
  for (int y = 0; y < image.height; ++y) {
    std::memcpy(image.pixel(0, y), row(rgb, y), row_bytes);
  }
}

void copy_turned(const AVFrame& rgb, const Orientation& turn, Image& image) {
  const int start_x = turn.xx < 0 || turn.xy < 0 ? image.width - 1 : 0;
  const int start_y = turn.yx < 0 || turn.yy < 0 ? image.height - 1 : 0;
  for (int y = 0; y < rgb.height; ++y) {
    const std::uint8_t* from = row(rgb, y);
    for (int x = 0; x < rgb.width; ++x, from += 3) {
      const int to_x = start_x + turn.xx * x + turn.xy * y;
      const int to_y = start_y + turn.yx * x + turn.yy * y;
      std::memcpy(image.pixel(to_x, to_y), from, 3);
    }
  }
}

}  // namespace

void PictureConverter::Scaler::prepare(const AVFrame& source, const AVFrame& target,
                                       ResizeFilter filter) {
  const int wanted_range = is_full_range(source) ? 1 : 0;
  const bool fits = handle && source.width == source_width && source.height == source_height &&
                    source.format == source_format && target.width == width &&
                    target.height == height && target.format == format &&
                    source.colorspace == colorspace && wanted_range == full_range;
  if (fits) return;
  handle.reset(make_scaler(source, target, filter));
  if (!handle) {
    const char* name = av_get_pix_fmt_name(format_of(source));
    throw input_error("video", concat("pictures of ", source.width, "x", source.height, " pixels, ",
                                      name != nullptr ? name : "unknown format",
                                      ", cannot be scaled to ", target.width, "x", target.height));
  }
  source_width = source.width;
  source_height = source.height;
  source_format = source.format;
  width = target.width;
  height = target.height;
  format = target.format;
  colorspace = source.colorspace;
  full_range = wanted_range;
  constexpr int unit = 1 << 16;  // contrast and saturation as they are
  sws_setColorspaceDetails(handle.get(), sws_getCoefficients(source.colorspace), wanted_range,
                           sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, unit, unit);
}

void PictureConverter::Scaler::scale(const AVFrame& source, AVFrame& target, ResizeFilter filter) {
  prepare(source, target, filter);
  sws_scale(handle.get(), source.data, source.linesize, 0, source.height, target.data,
            target.linesize);
}

const AVFrame& PictureConverter::remove_alpha(const AVFrame& frame) {
  reserve(with_alpha_, AV_PIX_FMT_RGBA, frame.width, frame.height);
  reserve(opaque_, AV_PIX_FMT_RGB24, frame.width, frame.height);
  alpha_scaler_.scale(frame, *with_alpha_, filter_);
  for (int y = 0; y < frame.height; ++y) {
    const std::uint8_t* from = row(*with_alpha_, y);
    std::uint8_t* to = row(*opaque_, y);
    for (int x = 0; x < frame.width; ++x, from += 4, to += 3) {
      for (int channel = 0; channel < 3; ++channel) {
        to[channel] = static_cast<std::uint8_t>((from[channel] * from[3] + 127) / 255);
      }
    }
  }
  return *opaque_;
}

void PictureConverter::convert(const AVFrame& frame, const Orientation& orientation, int width,
                               int height, Image& image) {
  // Before scaling, or the colour of invisible pixels would bleed into their neighbours.
  const AVFrame& source = has_alpha(frame) ? remove_alpha(frame) : frame;
  const bool turned = orientation.swaps_axes();
  reserve(scaled_, AV_PIX_FMT_RGB24, turned ? height : width, turned ? width : height);
  scaler_.scale(source, *scaled_, filter_);
  image.resize(width, height);
  if (orientation.is_upright()) {
    copy_upright(*scaled_, image);
  } else {
    copy_turned(*scaled_, orientation, image);
  }
}

}  // namespace sluice::stream::libav
