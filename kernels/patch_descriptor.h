// From pixels to patch tokens whose cosine similarity says whether a patch changed.
#pragma once

#include <cstdint>
#include <span>

namespace sluice::kernels {

/// D: features per patch.
inline constexpr int patch_descriptor_width = 256;

/// Cells per side into which a patch is averaged; no patch may have fewer pixels per side.
inline constexpr int patch_descriptor_cells = 8;

/// Cosine above which a patch counts as unchanged. The descriptor's bandwidth is set so that it is
/// HoliTom's published τ; docs/tokenizer.md has the measurement.
inline constexpr double patch_descriptor_default_tau = 0.80;

/// Describes each patch of an 8-bit picture: rgb [height,width,3] → features [rows·cols, D].
///
/// For patches p and q, cos(p, q) ≈ 0.7·exp(−d²/2σ²) + 0.3·exp(−w²/2). d is a distance between
/// fine details (luma by cell relative to the patch's mean, soft-normalised by its contrast; mean
/// luma; chroma by quadrant) in which noise, compression and small changes of brightness are short
/// and visible changes are long. w is a coarse distance (colour, layout, amount of texture), by
/// which different patches are still ranked. Both exponentials are random Fourier features
/// (Rahimi & Recht 2007) with fixed frequencies, so every row has about the norm √D, flat patches
/// included, and no row is zero.
///
/// Patch (r, c) covers rows ⌊r·height/rows⌋ up to ⌊(r+1)·height/rows⌋ and columns alike; each patch
/// is computed from its own pixels alone. Bit-identical on every run and instruction set.
/// Throws sluice::Error (kind input) if a size doesn't match or a patch would be under 8×8 pixels.
void describe_patches(std::span<const std::uint8_t> rgb, int width, int height, int rows, int cols,
                      std::span<float> features);

}  // namespace sluice::kernels
