// The colours of what becomes of a token, the same in overlay and report. Orange and blue stay
// apart for all common kinds of colour blindness, and in grey.
#pragma once

#include "apps/report/canvas.h"

namespace sluice::report::palette {

inline constexpr Colour kept{0xF5, 0x9E, 0x0B};
inline constexpr Colour merged{0x1B, 0x8F, 0xB5};
inline constexpr Colour dropped{0x8A, 0x93, 0x9E};
inline constexpr Colour dropped_strip{0x3B, 0x44, 0x50};  ///< behind the strips of the report
inline constexpr Colour fault{0xD1, 0x43, 0x43};  ///< forced cuts, non-finite tokens, late packets

/// Why a token was kept. Apart in hue and in lightness; none is a shade of grey or of the
/// red of what is gone.
inline constexpr Colour by_attention{0xF5, 0x9E, 0x0B};
inline constexpr Colour by_saliency{0xC9, 0x7B, 0x2D};
inline constexpr Colour by_novelty{0xC2, 0x5A, 0xA8};
inline constexpr Colour by_surface{0x12, 0x9E, 0x76};
inline constexpr Colour by_visibility{0x4A, 0xA8, 0xE0};
inline constexpr Colour by_coverage{0x6D, 0x63, 0xD6};
inline constexpr Colour by_refresh{0xB5, 0xB8, 0x2E};
inline constexpr Colour by_pinned{0x1B, 0x8F, 0xB5};
inline constexpr Colour by_diversity{0x12, 0x9E, 0x76};  ///< never beside by_surface

/// The caption under a picture.
inline constexpr Colour band{0x12, 0x17, 0x1E};
inline constexpr Colour band_text{0xE8, 0xEC, 0xF1};
inline constexpr Colour band_faint{0x8C, 0x97, 0xA4};
inline constexpr Colour track{0x2A, 0x33, 0x3E};
inline constexpr Colour track_other{0x3A, 0x46, 0x54};
inline constexpr Colour track_done{0x57, 0x68, 0x7A};
inline constexpr Colour track_done_other{0x73, 0x88, 0x9E};
inline constexpr Colour white{0xFF, 0xFF, 0xFF};

}  // namespace sluice::report::palette
