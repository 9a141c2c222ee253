// The ray caster: placed surfaces in, a frame out.
#pragma once

#include <cstdint>
#include <span>

#include "apps/sample/geometry.h"
#include "apps/sample/objects.h"
#include "apps/sample/scene.h"

namespace sluice::sample {

struct PlacedSurface {
  const Surface* surface = nullptr;
  std::uint8_t id = 0;
  Transform pose;  ///< world-from-surface
};

/// What the camera's sensor does to the picture; both vary from frame to frame.
struct Exposure {
  std::uint64_t seed = 0;
  double noise = 0;    ///< standard deviation, grey levels
  double flicker = 0;  ///< largest relative change of brightness
};

/// Fills the arrays of `frame` from its size, index, camera and intrinsics, on `threads` threads.
/// The result does not depend on their number.
void render_surfaces(std::span<const PlacedSurface> surfaces, const NoiseTable& noise,
                     const Exposure& exposure, bool with_color, int threads, RenderedFrame& frame);

}  // namespace sluice::sample
