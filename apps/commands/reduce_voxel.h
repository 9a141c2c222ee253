// sluice reduce --method voxel: views with depth and pose become voxel tokens.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "spatial3d/voxel_tokens.h"

namespace CLI {
class App;
}

namespace sluice::apps {

struct VoxelOptions {
  float voxel_size = spatial3d::VoxelTokenOptions{}.voxel_size;
  std::int64_t max_tokens = spatial3d::VoxelTokenOptions{}.max_tokens;
  std::string rounding = "exact";  ///< or "parity"; `--rounding` is shared with other methods
  std::optional<std::uint64_t> seed;
};

void add_voxel_options(CLI::App& command, VoxelOptions& options);

/// features [V,h,w,D], depth [V,H,W], pose [V,4,4], intrinsics [3,3] or [V,3,3], optional pts [V] →
/// a token file. Views whose pose is not finite are left out and counted. Throws sluice::Error.
/// Returns an exit code.
int run_voxel(const std::filesystem::path& input, const std::filesystem::path& output,
              const VoxelOptions& options, int threads);

}  // namespace sluice::apps
