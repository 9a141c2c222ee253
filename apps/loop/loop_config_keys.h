// Every key of a loop's config file, by the table that it stands in.
#pragma once

#include "apps/loop/config_key.h"
#include "apps/loop/loop_config.h"

namespace sluice::apps {

[[nodiscard]] const ConfigKeys<LoopConfig>& root_keys();          ///< all tables but those below
[[nodiscard]] const ConfigKeys<LoopInputConfig>& input_keys();    ///< [[input]]
[[nodiscard]] const ConfigKeys<LoopMemoryConfig>& memory_keys();  ///< [input.memory]
[[nodiscard]] const ConfigKeys<LoopVoxelConfig>& voxel_keys();    ///< [input.voxels]

/// What an [input.voxels] without keys means.
[[nodiscard]] LoopVoxelConfig default_voxels();

}  // namespace sluice::apps
