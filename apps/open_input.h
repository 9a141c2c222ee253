// From what the user named to frames of features.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "apps/encoder_options.h"
#include "stream/feature_frame.h"
#include "stream/io/video_token_source.h"

namespace CLI {
class App;
}

namespace sluice::apps {

struct InputOptions {
  std::string input;
  std::optional<double> fps;
  std::optional<std::int64_t> frames;
  std::optional<std::string> grid;
  std::optional<std::string> size;
  double image_rate = stream::VideoReaderOptions{}.image_rate;
  double timeout_s = stream::VideoReaderOptions{}.timeout_s;
  bool allow_remote = false;
  /// Live features, as a control loop wants them: frames that were not read in time are dropped,
  /// and silence does not end the input.
  bool newest_only = false;
  EncoderChoice encoder;  ///< of videos
};

/// What a command takes: videos and features from files; 3-D recordings, too; or live sources, too.
enum class InputScope { video, recording, live };

/// Adds INPUT and how to read it.
void add_input_options(CLI::App& command, InputOptions& options, InputScope scope);

enum class InputKind { video, feature_file, feature_endpoint, spatial };

/// By the looks of the name: tcp:// and ipc:// are endpoints, *.safetensors holds features. What
/// spatial_kind_of() knows is a 3-D recording, and all else is for FFmpeg.
[[nodiscard]] InputKind kind_of(const std::string& input);

struct OpenInput {
  InputKind kind = InputKind::video;
  std::unique_ptr<stream::FrameSource> source;
  double default_tau = 0.8;  ///< what suits the features this input gives
  /// What decides the features besides the input itself: the user's own encoder.
  std::map<std::string, std::string> settings;
};

/// For everything but 3-D recordings, which only `sluice replay` takes. Throws sluice::Error for
/// what can't be opened, for 3-D recordings, and for options that don't go with the kind of
/// input. Sources end early once `stop` is true. `threads`: that an encoder computes with; 0: one
/// per core.
[[nodiscard]] OpenInput open_input(const InputOptions& options, const std::atomic<bool>& stop,
                                   int threads = 0);

/// Throws sluice::Error (kind input) for features that arrive live: they can't be read twice.
void require_recording(const std::string& input);

/// `defaults` with the grid and the working size that the user asked for. Throws sluice::Error.
[[nodiscard]] stream::TokenizerOptions tokenizer_options(const InputOptions& options,
                                                         stream::TokenizerOptions defaults);

/// How the video behind `options` is read, so that a second reader sees the same frames.
[[nodiscard]] stream::VideoReaderOptions video_options(const InputOptions& options,
                                                       const std::atomic<bool>& stop);

}  // namespace sluice::apps
