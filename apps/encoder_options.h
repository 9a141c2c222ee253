// The options that turn pictures into features with the user's own encoder.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "stream/io/encoded_video_source.h"
#include "stream/io/video_reader.h"

namespace CLI {
class App;
}

namespace sluice::apps {

/// As text and numbers, the way commands and config files give them.
struct EncoderChoice {
  std::optional<std::string> model;  ///< a file in ONNX format; unset: the built-in tokenizer
  std::string runtime;               ///< of ONNX Runtime's library; empty: searched for
  std::string preset = stream::EncoderOptions{}.preset;
  std::optional<std::string> output, attention;
  std::optional<std::int64_t> prefix;
  std::int64_t batch = stream::EncoderOptions{}.batch;
  std::string filter = "bicubic";  ///< or "bilinear"
};

/// Adds --encoder and what belongs to it.
void add_encoder_options(CLI::App& command, EncoderChoice& choice);

/// What decides the features, as text under the options' names: the model's file name, a digest of
/// its bytes (`encoder-digest`, 16 hexadecimal digits), and how it is fed and read. Empty without a
/// model. Throws sluice::Error if the file can't be read.
[[nodiscard]] std::map<std::string, std::string> describe(const EncoderChoice& choice);

/// Opens `input` with the chosen encoder. `grid`: rows,columns; `size`: width,height in pixels.
/// Throws sluice::Error naming the option, the model or the input.
[[nodiscard]] std::unique_ptr<stream::FrameSource> open_encoded_video(
    const std::string& input, const EncoderChoice& choice, stream::VideoReaderOptions video,
    const std::optional<std::string>& grid, const std::optional<std::string>& size, int threads);

/// "384,336" → width and height in pixels. Throws sluice::Error naming --size.
struct PixelSize {
  int width = 0, height = 0;
};
[[nodiscard]] PixelSize parse_pixel_size(const std::string& text);

}  // namespace sluice::apps
