#include "apps/encoder_options.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <utility>

#include "kernels/error.h"
#include "stream/grid.h"

namespace sluice::apps {

void add_encoder_options(CLI::App& command, EncoderChoice& choice) {
  constexpr auto group = "Encoder";
  auto* model =
      command
          .add_option("--encoder", choice.model,
                      "Vision encoder, an ONNX file: its features instead of the built-in "
                      "tokenizer's. Needs ONNX Runtime's library")
          ->group(group);
  const auto add = [&](const char* name, auto& value, const char* what) {
    return command.add_option(name, value, what)->needs(model)->group(group);
  };
  add("--encoder-runtime", choice.runtime,
      "ONNX Runtime's library, or a folder with it [$SLUICE_ONNXRUNTIME, or installed]");
  add("--encoder-preset", choice.preset,
      "How pixels are scaled; auto: as the model's metadata says, or an error")
      ->check(CLI::IsMember({"auto", "siglip", "clip", "dinov2", "none"}))
      ->capture_default_str();
  add("--encoder-output", choice.output, "Its output with the features [the obvious one]");
  add("--encoder-attention", choice.attention,
      "Its output with the attention, or none [the last layer's; if there is one]");
  add("--encoder-prefix", choice.prefix,
      "Class and register tokens before the patches' [what is over]")
      ->check(CLI::Range(0, 65'536));
  add("--encoder-batch", choice.batch, "Pictures a run [the model's; 1 if it takes any]")
      ->check(CLI::Range(1, 256));
  add("--encoder-filter", choice.filter, "How pictures are scaled")
      ->check(CLI::IsMember({"bicubic", "bilinear"}))
      ->capture_default_str();
}

std::unique_ptr<stream::FrameSource> open_encoded_video(
    const std::string& input, const EncoderChoice& choice, stream::VideoReaderOptions video,
    const std::optional<std::string>& grid, const std::optional<std::string>& size, int threads) {
  stream::EncoderOptions options;
  options.runtime = choice.runtime;
  options.preset = choice.preset;
  options.output = choice.output;
  options.attention = choice.attention;
  options.prefix = choice.prefix;
  if (grid) options.grid = stream::parse_grid(*grid, "--grid");
  if (size) {
    const auto [width, height] = parse_pixel_size(*size);
    options.width = width;
    options.height = height;
  }
  options.batch = static_cast<int>(choice.batch);
  options.threads = threads;
  stream::Encoder encoder(*choice.model, options);
  video.filter =
      choice.filter == "bilinear" ? stream::ResizeFilter::bilinear : stream::ResizeFilter::bicubic;
  stream::EncodedVideoOptions encoded;
  encoded.video = video;
  return std::make_unique<stream::EncodedVideoSource>(input, std::move(encoder), encoded);
}

PixelSize parse_pixel_size(const std::string& text) {
  PixelSize size;
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, size.width);
  const bool comma = first.ec == std::errc() && first.ptr != end && *first.ptr == ',';
  const auto second = comma ? std::from_chars(first.ptr + 1, end, size.height) : first;
  if (!comma || second.ec != std::errc() || second.ptr != end || size.width < 1 || size.height < 1)
    throw input_error("--size", '"' + text + '"', "width,height in pixels, such as 384,384");
  return size;
}

}  // namespace sluice::apps
