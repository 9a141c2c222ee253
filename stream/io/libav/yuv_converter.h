// RGB pictures to what video and JPEG encoders take. Private: included by .cpp files only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "stream/io/image.h"
#include "stream/io/libav/check.h"

namespace sluice::stream::libav {

/// Converts pictures of one size, in swscale's bit-exact mode: the same bytes on every processor.
class YuvConverter {
 public:
  /// The frames have `encoder`'s size, pixel format and colours.
  YuvConverter(const AVCodecContext& encoder, std::string_view where)
      : where_(where), rgb_(make_frame()), yuv_(make_frame()) {
    yuv_->format = encoder.pix_fmt;
    yuv_->color_range = encoder.color_range;
    yuv_->colorspace = encoder.colorspace;
    rgb_->format = AV_PIX_FMT_RGB24;
    for (AVFrame* frame : {rgb_.get(), yuv_.get()}) {
      frame->width = encoder.width;
      frame->height = encoder.height;
      check(av_frame_get_buffer(frame, 0), where_, "creating a frame");
    }
    // swscale reads some bytes past the last pixel, and they colour it: they must be there, and
    // always the same.
    std::memset(rgb_->buf[0]->data, 0, rgb_->buf[0]->size);
    scaler_ = require(ScalerHandle(sws_getContext(encoder.width, encoder.height, AV_PIX_FMT_RGB24,
                                                  encoder.width, encoder.height, encoder.pix_fmt,
                                                  SWS_BICUBIC | SWS_ACCURATE_RND | SWS_BITEXACT,
                                                  nullptr, nullptr, nullptr)),
                      where_, "creating the colour conversion");
  }

  /// The picture as a frame that stays valid until the next call. Where `image` is smaller than the
  /// frame, its last column and row are repeated.
  [[nodiscard]] AVFrame& convert(const Image& image) {
    check(av_frame_make_writable(yuv_.get()), where_, "reusing a frame");
    for (int y = 0; y < rgb_->height; ++y) {
      const int source_y = std::min(y, image.height - 1);
      std::uint8_t* row = rgb_->data[0] + static_cast<std::ptrdiff_t>(y) * rgb_->linesize[0];
      std::memcpy(row, image.pixel(0, source_y), static_cast<std::size_t>(image.width) * 3);
      for (int x = image.width; x < rgb_->width; ++x) {
        std::memcpy(row + static_cast<std::ptrdiff_t>(x) * 3,
                    image.pixel(image.width - 1, source_y), 3);
      }
    }
    sws_scale(scaler_.get(), rgb_->data, rgb_->linesize, 0, rgb_->height, yuv_->data,
              yuv_->linesize);
    return *yuv_;
  }

 private:
  std::string where_;
  FrameHandle rgb_, yuv_;
  ScalerHandle scaler_;
};

}  // namespace sluice::stream::libav
