#include "apps/open_input.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <utility>

#include "apps/open_spatial_input.h"
#include "apps/option_checks.h"
#include "kernels/error.h"
#include "kernels/patch_descriptor.h"
#include "stream/grid.h"
#include "stream/io/feature_receiver.h"
#include "stream/safetensors_source.h"

namespace sluice::apps {
namespace {

bool starts_with(const std::string& text, std::string_view prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

void refuse(bool given, const char* option, const InputOptions& options) {
  if (given)
    throw input_error(option, "given for " + options.input,
                      "a video: this input brings its own frames");
}

void refuse_encoder(const InputOptions& options) {
  if (options.encoder.model)
    throw input_error("--encoder", "given for " + options.input,
                      "a video: this input brings its own features");
}

std::unique_ptr<stream::FrameSource> open_video(const InputOptions& options,
                                                const std::atomic<bool>& stop, int threads) {
  if (options.encoder.model)
    return open_encoded_video(options.input, options.encoder, video_options(options, stop),
                              options.grid, options.size, threads);
  stream::VideoTokenOptions tokens;
  tokens.video = video_options(options, stop);
  tokens.tokenizer = tokenizer_options(options, tokens.tokenizer);
  return std::make_unique<stream::VideoTokenSource>(options.input, tokens);
}

std::unique_ptr<stream::FrameSource> open_features(const InputOptions& options) {
  refuse_encoder(options);
  refuse(options.frames.has_value(), "--frames", options);
  refuse(options.size.has_value(), "--size", options);
  stream::SafetensorsSourceOptions features;
  if (options.grid) features.grid = stream::parse_grid(*options.grid, "--grid");
  features.fps = options.fps;
  return std::make_unique<stream::SafetensorsSource>(options.input, features);
}

std::unique_ptr<stream::FrameSource> open_endpoint(const InputOptions& options,
                                                   const std::atomic<bool>& stop) {
  refuse_encoder(options);
  refuse(options.fps.has_value(), "--fps", options);
  refuse(options.frames.has_value(), "--frames", options);
  refuse(options.grid.has_value(), "--grid", options);
  refuse(options.size.has_value(), "--size", options);
  stream::FeatureReceiverOptions receiver;
  receiver.socket.allow_remote = options.allow_remote;
  receiver.open_timeout_s = options.timeout_s;
  receiver.socket.latest_only = options.newest_only;
  if (!options.newest_only) receiver.idle_timeout_s = options.timeout_s;
  receiver.stop = &stop;
  return std::make_unique<stream::FeatureReceiver>(options.input, receiver);
}

}  // namespace

void add_input_options(CLI::App& command, InputOptions& options, InputScope scope) {
  constexpr auto group = "Input";
  std::string what =
      "Video file, URL, image folder or pattern (img-%06d.png), GIF, or features.safetensors";
  if (scope == InputScope::recording)
    what += "; or a 3-D recording: folder of RGB-D frames, TUM folder, PLY or PCD clouds";
  if (scope == InputScope::live)
    what += "; a camera (v4l2:/dev/video0); or tcp://, ipc:// to receive features on";
  command.add_option("INPUT", options.input, what)->required();
  auto* fps = command.add_option("--fps", options.fps, "Frames per second to take [all frames]")
                  ->group(group);
  command
      .add_option("--image-rate", options.image_rate,
                  scope == InputScope::recording
                      ? "Frames per second that an image sequence was taken at; 30 for RGB-D frames"
                      : "Frames per second that an image sequence was taken at")
      ->capture_default_str()
      ->group(group);
  if (scope != InputScope::live)
    command.add_option("--frames", options.frames, "Frames to take, evenly spread")
        ->excludes(fps)
        ->group(group);
  command
      .add_option("--grid", options.grid,
                  scope == InputScope::recording
                      ? "Rows,columns of tokens per frame [14,14; of an RGB-D frame 24,24; "
                        "features: from the file]"
                      : "Rows,columns of tokens per frame [14,14; features: from the file]")
      ->group(group);
  command
      .add_option("--size", options.size,
                  "Width,height in pixels that the tokenizer works on [384/14 per token; of an "
                  "encoder: its own]")
      ->group(group);
  command
      .add_option("--timeout", options.timeout_s,
                  "Live inputs: give up after this many seconds of silence")
      ->capture_default_str()
      ->check(above_zero)
      ->group(group);
  add_encoder_options(command, options.encoder);
}

InputKind kind_of(const std::string& input) {
  if (starts_with(input, "tcp://") || starts_with(input, "ipc://"))
    return InputKind::feature_endpoint;
  constexpr std::string_view suffix = ".safetensors";
  if (input.size() >= suffix.size() &&
      input.compare(input.size() - suffix.size(), suffix.size(), suffix) == 0)
    return InputKind::feature_file;
  if (spatial_kind_of(input)) return InputKind::spatial;
  return InputKind::video;
}

stream::TokenizerOptions tokenizer_options(const InputOptions& options,
                                           stream::TokenizerOptions defaults) {
  if (options.grid) {
    const auto grid = stream::parse_grid(*options.grid, "--grid");
    defaults.grid_rows = grid.rows;
    defaults.grid_cols = grid.cols;
  }
  if (options.size) {
    const auto [width, height] = parse_pixel_size(*options.size);
    defaults.working_width = width;
    defaults.working_height = height;
  }
  return defaults;
}

stream::VideoReaderOptions video_options(const InputOptions& options,
                                         const std::atomic<bool>& stop) {
  stream::VideoReaderOptions video;
  video.fps = options.fps;
  video.frames = options.frames;
  video.image_rate = options.image_rate;
  // A fixed number: what a decoder makes of damaged data depends on how many threads it has.
  video.threads = 4;
  video.timeout_s = options.timeout_s;
  video.stop = &stop;
  return video;
}

void require_recording(const std::string& input) {
  if (kind_of(input) == InputKind::feature_endpoint)
    throw input_error(input, "is live", "a recording (or use `sluice stream` for live sources)");
}

OpenInput open_input(const InputOptions& options, const std::atomic<bool>& stop, int threads) {
  OpenInput open;
  open.kind = kind_of(options.input);
  switch (open.kind) {
    case InputKind::video:
      open.source = open_video(options, stop, threads);
      open.settings = describe(options.encoder);
      if (!options.encoder.model) open.default_tau = kernels::patch_descriptor_default_tau;
      break;
    case InputKind::feature_file: open.source = open_features(options); break;
    case InputKind::feature_endpoint: open.source = open_endpoint(options, stop); break;
    case InputKind::spatial:
      throw input_error(options.input, "is a 3-D recording",
                        "a video or features (`sluice replay` takes 3-D recordings)");
  }
  return open;
}

}  // namespace sluice::apps
