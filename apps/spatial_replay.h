// sluice replay over a 3-D recording: the spatial engine, with files that show what it did.
#pragma once

#include <filesystem>
#include <optional>

#include "apps/open_input.h"
#include "apps/spatial_options.h"

namespace sluice::apps {

struct SpatialReplayOptions {
  InputOptions input;
  std::optional<double> frame_rate;  ///< of folders without times
  SpatialOptions spatial;
  std::filesystem::path output;
  bool no_overlay = false;
  bool no_report = false;
};

/// Writes tokens.safetensors, tokens.ply, summary.json, overlay.mp4 (not for clouds) and
/// report.html; returns the exit code. Throws sluice::Error for bad input.
int replay_spatial(const SpatialReplayOptions& options, int threads);

}  // namespace sluice::apps
