// A video of any length into a memory of fixed size: what `sluice video` does, but for its pages.
#pragma once

#include <atomic>
#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "apps/report/memory_trace.h"
#include "stream/feature_frame.h"
#include "temporal/token_memory.h"
#include "temporal/video_reducer.h"

namespace sluice::apps {

struct VideoRunOptions {
  std::string input;                                  ///< as the user named it
  std::map<std::string, std::string> input_settings;  ///< join the engine's in what is written
  std::filesystem::path output;                       ///< folder that is there
  temporal::VideoReducerOptions reduction;            ///< causal
  temporal::TokenMemoryOptions memory;
  /// Seconds of the video between snapshots; unset: none.
  std::optional<double> snapshot_every_s;
  int threads = 0;
};

struct VideoRun {
  report::MemoryTrace trace;
  /// What ended the run early, or the first snapshot that could not be written; all that was
  /// written is complete.
  std::exception_ptr error;
  bool stopped = false;  ///< ended early by Ctrl-C
};

/// Called after each frame, before the engine takes its features.
using OnVideoFrame = std::function<void(const stream::FeatureFrame& frame)>;

/// Reads `source` to its end (or until `stop`), and writes `tokens.safetensors` with what is
/// remembered then. Once the video's time reaches a multiple of `snapshot_every_s`, what is
/// remembered goes to `tokens-<seconds>.safetensors`: frames before that time, but for those that
/// are in no segment yet. If time jumps over several multiples, the last of them gets the file;
/// while nothing is remembered yet, none does. Memory does not grow with the length of the video.
/// Throws sluice::Error if there is not a single frame, or the tokens can't be written.
[[nodiscard]] VideoRun run_video(stream::FrameSource& source, const VideoRunOptions& options,
                                 const std::atomic<bool>& stop, const OnVideoFrame& on_frame);

/// "60", "0.5": a time in a file's name, to the millisecond.
[[nodiscard]] std::string seconds_in_name(double seconds);

}  // namespace sluice::apps
