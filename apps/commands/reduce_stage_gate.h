// sluice reduce --method stage-gate: one stage of a gate inside a language model, as a function of
// a file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace sluice::apps {

struct StageGateOptions {
  std::string span;  ///< "start,count" of the spatial tokens; empty: as the file says
  std::optional<std::int64_t> keep;
  std::string schedule;  ///< a preset or a file, instead of `keep`
  std::int64_t stage = 1;
  std::optional<std::int64_t> spatial_tokens;
  std::string positions = "original";
  std::string list = "sequence";
};

void add_stage_gate_options(CLI::App& command, StageGateOptions& options);

/// attention [n] or [heads,n], optional position_ids [n] i64 and hidden [n,D] → keep [k] i64,
/// positions [k] i64, features [k,D] if there was hidden. Throws sluice::Error. Returns an exit
/// code.
int run_stage_gate(const std::filesystem::path& input, const std::filesystem::path& output,
                   const StageGateOptions& options);

}  // namespace sluice::apps
