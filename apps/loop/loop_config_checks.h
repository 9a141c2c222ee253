// What no single key shows to be wrong: values that don't go together, and names and addresses.
#pragma once

#include <vector>

#include "apps/loop/config_reader.h"
#include "apps/loop/loop_config.h"

namespace sluice::apps {

/// Where everything stands in the file.
struct InputTables {
  ConfigTable input, memory, voxels;
};
struct LoopTables {
  ConfigTable root;
  std::vector<InputTables> inputs;
};

/// Throws sluice::Error (kind input) naming file, line and key.
void check_loop_config(const LoopConfig& config, const LoopTables& tables);

}  // namespace sluice::apps
