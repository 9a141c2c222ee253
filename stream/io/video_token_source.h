// A video as frames of patch tokens: VideoReader and Tokenizer, working side by side.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "stream/io/picture_frame_source.h"
#include "stream/io/tokenizer.h"
#include "stream/io/video_reader.h"

namespace sluice::stream {

class VideoReadAhead;

struct VideoTokenOptions {
  /// `width`, `height` and `max_side` must be 0: the tokenizer decides the size.
  VideoReaderOptions video;
  TokenizerOptions tokenizer;
  std::string source_id = "camera";
  /// Pictures decoded ahead at most, each of the tokenizer's working size; at least 1. More smooths
  /// out uneven decoding and costs memory.
  int pictures_ahead = 4;
};

/// Decodes on a thread of its own while the caller's thread tokenizes; the same input and options
/// give the same tokens all the same.
class VideoTokenSource final : public PictureFrameSource {
 public:
  /// Takes what VideoReader takes as `input`, and throws sluice::Error for the same reasons and for
  /// options out of range.
  explicit VideoTokenSource(const std::string& input, const VideoTokenOptions& options = {});
  /// Stops decoding, out of blocking reads too.
  ~VideoTokenSource() override;

  [[nodiscard]] const Source& source() const override;
  /// False at the end and soon after `video.stop` was set. What the decoder throws is thrown here,
  /// after all pictures before it were delivered, and again by every later call.
  [[nodiscard]] bool next(FeatureFrame& frame) override;
  /// `decoded` may run ahead of `frames` by the pictures waiting.
  [[nodiscard]] InputStatistics statistics() const override;
  [[nodiscard]] std::optional<std::int64_t> frame_count() const override;
  [[nodiscard]] bool is_recording() const override;

  [[nodiscard]] const VideoInfo& video() const noexcept;
  /// At the tokenizer's working size.
  [[nodiscard]] const Image& picture() const noexcept override { return current_->image; }

 private:
  Tokenizer tokenizer_;
  std::unique_ptr<VideoReadAhead> decoder_;
  Source source_;
  const VideoFrame* current_ = nullptr;  ///< held until the next call
  std::int64_t delivered_ = 0;
};

}  // namespace sluice::stream
