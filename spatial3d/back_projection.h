// Depth and pose give every patch of a picture a place in the world (LLaVA-3D as AdaToken-3D uses
// it, arXiv 2505.12782).
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/resources.h"
#include "kernels/tensor.h"
#include "stream/grid.h"
#include "stream/source.h"

namespace sluice::spatial3d {

enum class PatchPosition {
  /// The patch's dominant surface: among its valid pixels those near the median depth; of them the
  /// one nearest to their mean. Always a point that was measured, so it lies on a surface.
  robust,
  /// As published: the patch's top left pixel. Without depth there, the patch has no place (as
  /// published it lands on the camera's centre).
  top_left
};

struct BackProjectionOptions {
  PatchPosition position = PatchPosition::robust;
  float min_depth = 0.05F;  ///< metres; nearer is no depth
  float max_depth = 20.0F;  ///< metres; farther is no depth
  /// Patches with fewer valid pixels than this share have no place; 0: one pixel is enough.
  double min_valid_share = 0.0;
  /// A patch's surface: the valid pixels whose depth differs from the median by at most the larger
  /// of these two, metres and share of the median. Wide enough for noise and slanted surfaces, and
  /// narrow enough to leave the background of a depth edge out.
  float surface_band = 0.03F, relative_surface_band = 0.03F;
};

/// depth [H,W] f32 metres, 0 where there is none → xyz [S,3] metres in the world, NaN for patches
/// without a place. The grid divides the picture evenly: patch (r,c) has the pixels whose centre
/// lies in it. Throws sluice::Error (kind input) for a depth that is not [H,W] f32, an empty grid
/// or one finer than the picture, a pose that is not rigid, and impossible intrinsics.
void back_project(kernels::Resources& resources, const kernels::TensorView& depth,
                  const stream::Intrinsics& intrinsics, const stream::Pose& camera_to_world,
                  const stream::Grid& grid, const BackProjectionOptions& options,
                  std::vector<float>& xyz);

}  // namespace sluice::spatial3d
