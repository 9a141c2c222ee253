// Fits AdaToken-3D's decay (arXiv 2505.12782) to what the layers contribute.
#pragma once

#include <optional>
#include <span>

namespace sluice::spatial3d {

struct ScheduleFit {
  double rate = 0;   ///< B of decay_percent()
  double error = 0;  ///< sum of squares over values and gradients, in percent
  /// Share of the contribution's own variance (values and gradients) that the curve explains: 1 is
  /// a perfect fit, 0 no better than a constant, below 0 worse. A contribution that rises with
  /// depth, as the published formula likes to give, is fitted badly by any decay.
  double explained = 0;
  bool at_limit = false;  ///< the search ended at ±max_decay_rate: the best curve is a step
};

inline constexpr double max_decay_rate = 10;

/// contribution [layers−1]: c of the layers from the second on, in [0,1]. Compares 100·c with
/// f(x), x = 1 … layers−1, and the gradients of both (central differences, one-sided at the ends),
/// by least squares over B in ±max_decay_rate. Nothing for a constant contribution, which says
/// nothing about any schedule, and for a single value. Throws sluice::Error (kind input) for none,
/// and for values that are not finite.
[[nodiscard]] std::optional<ScheduleFit> fit_schedule(std::span<const double> contribution);

}  // namespace sluice::spatial3d
