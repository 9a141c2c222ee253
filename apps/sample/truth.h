// Which patches really changed between two frames of the sample.
#pragma once

#include <cstdint>
#include <vector>

#include "apps/sample/scene.h"

namespace sluice::sample {

/// The values are those in the sample's truth file.
enum class PatchTruth : std::uint8_t { unchanged = 0, changed = 1, ambiguous = 2 };

/// A displacement that counts as a change, in pixels.
inline constexpr double changed_displacement_px = 0.5;
/// Shares of a patch's pixels: changed from here on …
inline constexpr double changed_share = 0.10;
/// … and unchanged below.
inline constexpr double unchanged_share = 0.02;

/// The verdict on a patch of whose pixels `share` changed.
[[nodiscard]] constexpr PatchTruth classify(double share) noexcept {
  return share >= changed_share    ? PatchTruth::changed
         : share < unchanged_share ? PatchTruth::unchanged
                                   : PatchTruth::ambiguous;
}

/// Per pixel of `current`, 1 if another surface was seen there in `previous`, or if the point seen
/// now was more than half a pixel away then: object and camera motion alike. [height,width].
/// Throws sluice::Error (kind input) if the frames differ in size or number of surfaces.
[[nodiscard]] std::vector<std::uint8_t> changed_pixels(const RenderedFrame& previous,
                                                       const RenderedFrame& current);

/// Per patch, row-major: the share of changed pixels, 0 to 1. A pixel belongs to the patch its
/// centre falls into when the picture is divided evenly.
[[nodiscard]] std::vector<double> changed_shares(const RenderedFrame& previous,
                                                 const RenderedFrame& current, int grid_rows,
                                                 int grid_cols);

/// Per patch, row-major: changed if at least 10 % of its pixels changed, unchanged if fewer than
/// 2 %, ambiguous between. Any two frames of a scene can be compared.
[[nodiscard]] std::vector<PatchTruth> patch_truth(const RenderedFrame& previous,
                                                  const RenderedFrame& current, int grid_rows,
                                                  int grid_cols);

}  // namespace sluice::sample
