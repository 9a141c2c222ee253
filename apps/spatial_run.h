// One run of the spatial engine over a 3-D recording: everything that replay writes comes from
// here.
#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "spatial3d/spatial_reducer.h"
#include "stream/spatial_frame.h"
#include "stream/spatial_trace.h"
#include "stream/token_file.h"

namespace sluice::apps {

struct SpatialRun {
  stream::TokenFile tokens;  ///< what is kept after the last frame
  stream::SpatialTrace trace;
  std::exception_ptr error;  ///< what ended the run early, if anything did; the rest is complete
  bool stopped = false;      ///< ended early by Ctrl-C: what was read until then is complete
};

/// Called after each frame: `update` is of that frame, `reducer` holds the map after it.
using OnSpatialFrame =
    std::function<void(const stream::SpatialFrame& frame, const spatial3d::SpatialUpdate& update,
                       const spatial3d::SpatialReducer& reducer)>;

struct SpatialRunSettings {
  std::string input;  ///< as the user named it
  spatial3d::SpatialReducerOptions engine;
  double voxel_size_m = 0;  ///< the engine's, without the noise of single precision
  std::map<std::string, std::string> settings;  ///< what decides, as text
  std::vector<std::string> notes;               ///< on the input, for people
  int threads = 0;
};

/// Pushes `source` to its end (or until `stop`) through the engine, frame by frame, as a stream
/// would be. Throws sluice::Error if there is not a single frame.
[[nodiscard]] SpatialRun run_spatial(stream::SpatialSource& source,
                                     const SpatialRunSettings& settings,
                                     const std::atomic<bool>& stop, const OnSpatialFrame& on_frame);

}  // namespace sluice::apps
