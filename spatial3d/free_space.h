// Does a depth image show that a place where a surface was known to be is empty now?
#pragma once

#include <cstdint>
#include <span>

#include "spatial3d/camera_view.h"

namespace sluice::spatial3d {

enum class Sight : std::uint8_t {
  unknown,  ///< hidden, out of the picture, too near, or not measured
  surface,  ///< something is measured where the surface was
  through   ///< the picture shows what lies behind
};

/// A surface that was measured somewhere in a cell. Metres, world.
struct KnownSurface {
  Vec3 place;       ///< mean of where it was measured
  Vec3 centre;      ///< of the cell
  double size = 0;  ///< of the cell, along the world's axes
};

struct FreeSpaceOptions {
  /// Metres at 1 m, growing with the square of depth: depths that differ less may be the same.
  double depth_noise = 0.006;
  /// Pixels that the cell is widened by: the gap between neighbouring rays, through which the edge
  /// of a surface can slip.
  double margin_pixels = 1.5;
  /// Share of the cell's picture that must be seen through.
  double min_share = 0.6;
  /// Share of the cell's picture that must lie inside the whole one.
  double min_visible = 0.6;
};

/// Conservative, because a surface that is removed though it is there flickers:
/// - One pixel whose measured point may lie in the cell, given the noise and the gap between rays,
///   proves a surface: a cell that is filled to one edge is not seen through while that edge shows.
/// - All pixels around the known place must show something clearly behind the cell: what hides the
///   place, or no depth there, is no evidence.
/// - So must at least `min_share` of the pixels whose rays meet the cell.
/// depth [H,W] f32 metres; what is not above 0, or not finite, is no depth.
[[nodiscard]] Sight look(const CameraView& view, std::span<const float> depth,
                         const KnownSurface& known, const FreeSpaceOptions& options) noexcept;

}  // namespace sluice::spatial3d
