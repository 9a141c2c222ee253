// Everything that decides how `sluice loop` runs: one TOML file, documented key by key in
// docs/loop.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/open_input.h"
#include "apps/spatial_options.h"
#include "policy/segment_memory.h"
#include "policy/tick_engine.h"
#include "stream/io/control_link.h"
#include "temporal/video_reducer.h"

namespace sluice::apps {

/// Merged tokens of the last segments, offered as the source "<id>.memory".
struct LoopMemoryConfig {
  policy::SegmentMemoryOptions memory;
  temporal::VideoReducerOptions reduction;  ///< causal
  std::optional<double> tau;                ///< else what suits the input's features
  policy::TickSourceOptions source;         ///< floor, cap, information
};

/// Voxel tokens of everything seen so far, offered as the source "<id>.voxels". RGB-D inputs only.
struct LoopVoxelConfig {
  SpatialOptions spatial;            ///< `budget`: how many its gate offers
  policy::TickSourceOptions source;  ///< floor, cap, information
};

struct LoopInputConfig {
  InputOptions input;                ///< as for the other commands
  bool repeat = false;               ///< a recording begins again at its end
  double max_age_ms = 500;           ///< frames older than this are not offered any more
  std::int64_t max_rows = 1024;      ///< live features: at most so many tokens a frame …
  std::int64_t max_width = 4096;     ///< … of at most this width
  policy::TickSourceOptions source;  ///< id, floor, cap, information
  std::optional<LoopMemoryConfig> memory;
  std::optional<LoopVoxelConfig> voxels;
};

/// Files with CURVE keys: who may connect to the link.
struct LoopCurveFiles {
  std::filesystem::path secret_key;  ///< empty: no encryption
  std::filesystem::path clients;     ///< folder of *.public files; empty: any client
};

struct LoopConfig {
  std::string preset = "none";        ///< has been applied
  std::optional<double> prune_ratio;  ///< of the preset; has been applied
  double rate_hz = 10;
  std::int64_t ticks = 0;  ///< end after so many; 0: when all recordings have ended, or Ctrl-C
  double deadline_ms = 0;  ///< that the model has, for the deadline controller; 0: none
  policy::TickEngineOptions engine;  ///< its `sources` are filled from the inputs
  std::vector<LoopInputConfig> inputs;
  stream::ControlLinkOptions link;
  LoopCurveFiles curve_files;  ///< what `link.curve` is read from
  bool link_on = true;
  std::string metrics = "127.0.0.1:9464";  ///< HOST:PORT, or empty: no metrics
  std::filesystem::path log;               ///< folder of the tick log; empty: none

  /// What decides which tokens are kept, as text by key ("budget.tokens", "input[0].floor"): for
  /// the settings hash and the report. No path, address or name is in it, so it is the same
  /// wherever the recording lies.
  [[nodiscard]] std::map<std::string, std::string> describe() const;
};

/// A replay has no use for the keys of the link, and they may not be there any more.
enum class CurveKeyFiles : bool { leave, read };

/// Parses and checks. Paths of inputs and keys are relative to the file's folder. Throws
/// sluice::Error (kind input): "loop.toml:12: budget.token: unknown key; expected one of …", or
/// what is wrong with the value and what was expected.
[[nodiscard]] LoopConfig read_loop_config(const std::filesystem::path& file);
/// The file's text alone. Throws sluice::Error for what can't be a config.
[[nodiscard]] std::string read_loop_config_text(const std::filesystem::path& file);
/// The same from text; `where` names it in errors, `folder` is what paths are relative to.
[[nodiscard]] LoopConfig parse_loop_config(std::string_view text, std::string_view where,
                                           const std::filesystem::path& folder,
                                           CurveKeyFiles keys = CurveKeyFiles::read);

/// One key that the file may hold, for the documentation and its test.
struct LoopKey {
  std::string path;           ///< "budget.tokens", "input.memory.segments"
  std::string default_value;  ///< as TOML; "none" or "required"
  std::string range;          ///< for people: "tokens, ≥ 1"
  std::string meaning;
};
[[nodiscard]] std::vector<LoopKey> loop_keys();

}  // namespace sluice::apps
