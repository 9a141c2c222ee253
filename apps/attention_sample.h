// Attention maps of one forward pass, in a safetensors file.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spatial3d/information_flow.h"

namespace sluice::apps {

/// "37,1659,24": system, spatial and text tokens. Throws sluice::Error (kind input) naming `where`.
[[nodiscard]] spatial3d::TokenLayout parse_layout(std::string_view text, std::string_view where);

struct AttentionSample {
  spatial3d::TokenLayout layout;  ///< in tokens; blocks count `pool` tokens each
  std::vector<spatial3d::LayerFlow> flow;
  bool complete = true;  ///< false if `stop` came first
};

/// Measures `attention [L,n,n]` or `[L,heads,n,n]`, or `blocks [L,m,m]` that were averaged already,
/// layer by layer, without loading the file. The layout is `layout` if given, else the file's
/// metadata "layout"; that of blocks counts blocks. `measured` is told how many layers of how many
/// are done. Throws sluice::Error (kind input) naming the file and what is wrong with it.
[[nodiscard]] AttentionSample measure_sample(
    kernels::Resources& resources, const std::filesystem::path& path,
    const std::optional<spatial3d::TokenLayout>& layout, const spatial3d::FlowOptions& options,
    const std::atomic<bool>& stop,
    const std::function<void(std::int64_t done, std::int64_t layers)>& measured);

}  // namespace sluice::apps
