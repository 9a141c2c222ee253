// Where tokens come from: one camera, encoder or map, with what models need to place its tokens.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace sluice::stream {

/// Pinhole camera, in pixels of the image the features were computed from.
struct Intrinsics {
  double fx = 0, fy = 0, cx = 0, cy = 0;
};

/// Camera-to-world transform, row-major 4×4, metres.
using Pose = std::array<double, 16>;

/// One stream of tokens. Multimodal rotary positions, overlays and per-row newlines need the grid;
/// it need not be square.
struct Source {
  std::string id = "camera";   ///< [A-Za-z0-9_.-]+, unique within a packet
  std::int32_t grid_rows = 0;  ///< 0 if the tokens have no grid (voxel tokens)
  std::int32_t grid_cols = 0;
  std::int32_t image_width = 0;  ///< pixels of the original frame; 0 if unknown
  std::int32_t image_height = 0;
  std::int32_t feature_width = 0;  ///< D
  std::optional<Intrinsics> intrinsics;
  std::optional<Pose> pose;

  [[nodiscard]] std::int32_t positions() const noexcept { return grid_rows * grid_cols; }
};

}  // namespace sluice::stream
