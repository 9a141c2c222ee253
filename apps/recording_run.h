// One run of the engine over a recording: everything that replay and compare write comes from here.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <string>

#include "stream/feature_frame.h"
#include "stream/token_file.h"
#include "stream/trace.h"
#include "temporal/video_reducer.h"

namespace sluice::apps {

struct RecordingRun {
  stream::TokenFile tokens;
  stream::Trace trace;
  std::exception_ptr error;  ///< what ended the run early, if anything did; the rest is complete
  bool stopped = false;      ///< ended early by Ctrl-C: what was read until then is complete
};

/// Called after each frame, before the engine takes its features.
using OnFrame = std::function<void(const stream::FeatureFrame& frame)>;

/// Reads `source` to its end (or until `stop`) and reduces it. `input_settings` join the engine's
/// in what is written. Throws sluice::Error if there is not a single frame, or memory for a
/// recording's features runs out.
[[nodiscard]] RecordingRun run_recording(stream::FrameSource& source, const std::string& input,
                                         const std::map<std::string, std::string>& input_settings,
                                         const temporal::VideoReducerOptions& options, int threads,
                                         const std::atomic<bool>& stop, const OnFrame& on_frame);

}  // namespace sluice::apps
