// sluice replay --as-loop: the ticks of a log or a recording, with files that show what was
// decided.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "apps/open_input.h"

namespace sluice::apps {

/// Settings of a replay without a config; kept out of the command's help, which has them already.
struct LoopReplayOptions {
  InputOptions input;                           ///< a tick log's folder, or a recording
  std::optional<std::filesystem::path> config;  ///< of a recording: instead of the next three
  std::optional<double> rate_hz;                ///< of a recording; also instead of the config's
  double retain = 0.1;                          ///< share of a frame's tokens, without a budget
  std::optional<std::int64_t> budget;           ///< tokens per tick
  std::filesystem::path output;
  bool no_packets = false;
  bool no_report = false;
};

/// Writes packets/, summary.json and report.html; returns the exit code: exit_failure if ticks of a
/// log came out otherwise than they were logged. Throws sluice::Error for bad input.
int replay_loop(const LoopReplayOptions& options, int threads);

}  // namespace sluice::apps
