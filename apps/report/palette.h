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
