// Settings of published methods, before the config file's own keys are read over them.
#pragma once

#include <cstddef>

#include "apps/loop/loop_config.h"

namespace sluice::apps {

/// Tokens that OpenVLA has of one camera: 16 rows of 16 (arXiv 2511.16449).
inline constexpr int openvla_grid = 16;

/// Changes what `config.preset` says, for so many inputs, by `config.prune_ratio` or the preset's
/// own; returns what each input then begins with. Throws sluice::Error (kind input), naming
/// `where`, for a number of inputs that the preset is not for, and a ratio without a preset.
LoopInputConfig apply_preset(LoopConfig& config, std::size_t inputs, const std::string& where);

/// The preset's grid for an input of pictures that was given none.
void apply_preset_grid(const LoopConfig& config, LoopInputConfig& input);

}  // namespace sluice::apps
