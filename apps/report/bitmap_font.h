// A fixed-width font of 5×7 pixels with descenders, for captions in the overlay.
#pragma once

#include <array>
#include <cstdint>

namespace sluice::report {

inline constexpr int glyph_columns = 5;
/// Columns from left to right; bit 0 is the top row, bit 7 the descender.
using Glyph = std::array<std::uint8_t, glyph_columns>;

/// Printable ASCII; anything else gives the glyph of '?'.
[[nodiscard]] const Glyph& glyph_of(char character) noexcept;

}  // namespace sluice::report
