// The knobs of HoliTom's outer stage (arXiv 2505.21334), with the published defaults.
#pragma once

#include <cstdint>
#include <optional>

namespace sluice::temporal {

/// How fractions of a token become tokens.
enum class Rounding {
  exact,   ///< the total is exactly the budget (design: "The budget, exactly")
  parity,  ///< the published rounding: round per segment, ceil per frame; may overshoot
};

/// In which order a segment's tokens leave.
enum class TokenOrder {
  static_first,  ///< as the published code: static, then each frame's dynamic tokens
  spatial,       ///< first frame's static and dynamic tokens by position, then later frames
};

struct HolitomParameters {
  double retain = 0.10;                ///< share of all tokens to keep, in (0, 1]
  std::optional<std::int64_t> budget;  ///< tokens to keep, instead of `retain`; ≥ 0
  double tau = 0.80;                   ///< a position is redundant if its cosine is above this
  double beta = 0.6;               ///< weight of a cluster's centre against its members, in [0, 1]
  bool plain_mean = false;         ///< merge clusters to their mean (the published NO_BETA)
  int neighbours = 7;              ///< K of DPC-KNN, ≥ 1
  double contextual = 0;           ///< share of a frame's dynamic tokens that are cluster centres
  std::int64_t max_window = 1024;  ///< longest segment in frames, ≥ 1
  Rounding rounding = Rounding::exact;
  TokenOrder order = TokenOrder::static_first;
};

/// Throws sluice::Error naming the parameter that is out of range.
void validate(const HolitomParameters& parameters);

}  // namespace sluice::temporal
