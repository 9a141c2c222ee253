// Decoded frames to RGB pictures: colour conversion, scaling and turning. Private.
#pragma once

#include "stream/io/image.h"
#include "stream/io/libav/handles.h"
#include "stream/io/libav/orientation.h"
#include "stream/io/resize_filter.h"

namespace sluice::stream::libav {

/// Scales with swscale's filters, whose support grows with the reduction so that nothing is
/// skipped, in its bit-exact mode: the same bytes on every processor.
class PictureConverter {
 public:
  explicit PictureConverter(ResizeFilter filter = ResizeFilter::bilinear) : filter_(filter) {}

  /// Fills `image` with `frame`, turned, at width × height pixels as shown. Takes frames of any
  /// size and pixel format, changing from call to call. Throws sluice::Error when swscale cannot
  /// convert the format.
  void convert(const AVFrame& frame, const Orientation& orientation, int width, int height,
               Image& image);

 private:
  /// A scaler, and what it was made for.
  struct Scaler {
    ScalerHandle handle;
    int source_width = 0, source_height = 0, source_format = -1;
    int width = 0, height = 0, format = -1;
    int colorspace = -1, full_range = -1;

    /// Scales `source` into `target`, whose size and format say what is wanted.
    void scale(const AVFrame& source, AVFrame& target, ResizeFilter filter);
    void prepare(const AVFrame& source, const AVFrame& target, ResizeFilter filter);
  };

  /// `frame` laid over black, in RGB.
  const AVFrame& remove_alpha(const AVFrame& frame);

  ResizeFilter filter_;
  Scaler alpha_scaler_, scaler_;
  FrameHandle with_alpha_, opaque_, scaled_;
};

}  // namespace sluice::stream::libav
