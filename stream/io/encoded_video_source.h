// A video as frames of features from a vision encoder: VideoReader and Encoder, side by side.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stream/io/encoder.h"
#include "stream/io/picture_frame_source.h"
#include "stream/io/video_reader.h"

namespace sluice::stream {

class VideoReadAhead;

struct EncodedVideoOptions {
  /// `width`, `height` and `max_side` must be 0: the encoder decides the size. Pictures are
  /// squeezed to it whatever their aspect ratio, so that the tokens stand for all of the picture.
  VideoReaderOptions video;
  std::string source_id = "camera";
  /// Pictures decoded ahead at most, 1 to 1024.
  int pictures_ahead = 4;
};

/// Decodes on a thread of its own while the caller's thread encodes. The same input, model, ONNX
/// Runtime and number of threads give the same features on the same machine.
class EncodedVideoSource final : public PictureFrameSource {
 public:
  /// Takes what VideoReader takes as `input`, and throws sluice::Error for the same reasons and for
  /// options out of range.
  EncodedVideoSource(const std::string& input, Encoder encoder,
                     const EncodedVideoOptions& options = {});
  /// Stops decoding, out of blocking reads too.
  ~EncodedVideoSource() override;

  [[nodiscard]] const Source& source() const override { return source_; }
  /// Reads as many pictures as the encoder takes a run, and delivers their features one by one.
  /// False at the end, and soon after `video.stop` was set: pictures that were not encoded yet are
  /// left out then. What the decoder throws is thrown here, after all pictures before it were
  /// delivered, and again by every later call.
  [[nodiscard]] bool next(FeatureFrame& frame) override;
  /// `decoded` may run ahead of `frames` by the pictures waiting.
  [[nodiscard]] InputStatistics statistics() const override;
  [[nodiscard]] std::optional<std::int64_t> frame_count() const override;
  [[nodiscard]] bool is_recording() const override;

  [[nodiscard]] const Encoder& encoder() const noexcept { return encoder_; }
  [[nodiscard]] const VideoInfo& video() const noexcept;
  /// At the encoder's size.
  [[nodiscard]] const Image& picture() const noexcept override {
    return pictures_[next_ - 1].image;
  }

 private:
  /// Reads and encodes the next pictures; false if there is none.
  bool encode_more();
  [[nodiscard]] bool stopped() const noexcept;

  Encoder encoder_;
  const std::atomic<bool>* stop_;
  std::unique_ptr<VideoReadAhead> decoder_;
  Source source_;
  std::vector<VideoFrame> pictures_;  ///< [batch], of the last run
  std::size_t encoded_ = 0;           ///< of them, from the first on
  std::size_t next_ = 0;              ///< to be delivered
  std::int64_t delivered_ = 0;
};

}  // namespace sluice::stream
