// Procedural surface textures: every surface carries detail at several scales, so that moving it by
// a pixel changes the picture.
#pragma once

#include <cstdint>
#include <vector>

#include "apps/sample/geometry.h"
#include "apps/sample/shape.h"

namespace sluice::sample {

/// Linear light, 0 to 1.
struct Rgb {
  float r = 0, g = 0, b = 0;
};

enum class Pattern : std::uint8_t { mottled, wood, planks, checker, stripes, speckle, tiles, dots };

/// How a surface looks. Lengths in metres.
struct Material {
  Pattern pattern = Pattern::mottled;
  Rgb first, second;   ///< the pattern's two colours
  double cell = 0.02;  ///< size of a check, stripe, tile or dot
  double grain =
      0.0016;  ///< size of the finest detail; about a pixel where the surface is usually seen
  double detail = 0.3;  ///< strength of the noise on top of the pattern, relative to its brightness
  double offset = 0;    ///< shifts the noise, so that equal materials look different
};

/// Tileable value noise, the sum of six octaves: mean about 0, standard deviation 1.
class NoiseTable {
 public:
  explicit NoiseTable(std::uint64_t seed);
  /// Bilinear; `u` and `v` count texels, the finest octave has cells of two.
  [[nodiscard]] float at(double u, double v) const noexcept;

 private:
  std::vector<float> values_;
};

/// The colour of `material` at a point of `shape`, in its own coordinates.
[[nodiscard]] Rgb surface_color(const NoiseTable& noise, const Material& material,
                                const Shape& shape, std::uint8_t face, const Vec3& point) noexcept;

/// A colour as designers write it (sRGB, 0xRRGGBB), as linear light.
[[nodiscard]] Rgb rgb(std::uint32_t hex) noexcept;

}  // namespace sluice::sample
