#include "apps/encoder_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <utility>

#include "kernels/error.h"
#include "stream/grid.h"

namespace sluice::apps {
namespace {

/// FNV-1a over 64-bit words: tells models apart, and is no protection against forgery.
std::string digest_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::uint64_t hash = 0xcbf29ce484222325u;
  std::array<std::uint64_t, 8192> words;
  for (;;) {
    words.fill(0);
    file.read(reinterpret_cast<char*>(words.data()), sizeof words);
    const auto bytes = static_cast<std::size_t>(file.gcount());
    for (std::size_t i = 0; i * sizeof(words[0]) < bytes; ++i)
      hash = (hash ^ words[i]) * 0x100000001b3u;
    hash = (hash ^ bytes) * 0x100000001b3u;
    if (bytes < sizeof words) break;
  }
  if (file.bad() || !file.eof()) throw input_error(path, "can't be read", "an ONNX file");
  return fmt::format("{:016x}", hash);
}

}  // namespace

std::map<std::string, std::string> describe(const EncoderChoice& choice) {
  if (!choice.model) return {};
  std::map<std::string, std::string> settings{
      {"encoder", std::filesystem::path(*choice.model).filename().string()},
      {"encoder-digest", digest_of(*choice.model)},
      {"encoder-preset", choice.preset},
      {"encoder-filter", choice.filter}};
  if (choice.output) settings["encoder-output"] = *choice.output;
  if (choice.attention) settings["encoder-attention"] = *choice.attention;
  if (choice.prefix) settings["encoder-prefix"] = fmt::format("{}", *choice.prefix);
  return settings;
}

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
