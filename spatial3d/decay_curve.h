// The curve that AdaToken-3D (arXiv 2505.12782) lays through a model's layers: 100 % of the spatial
// tokens at the first, 10 % at the last.
#pragma once

#include <cstdint>

#include "spatial3d/gate_schedule.h"

namespace sluice::spatial3d {

inline constexpr double decay_last_percent = 10;

/// f(x) = D + (100 − D)·e^{−B(x−1)} with f(1) = 100 and f(layers) = 10; layers are counted from 1,
/// and there are two or more. `rate` is B: above 0 the curve falls fast at first, 0 is a straight
/// line, below 0 it falls fast at the end.
[[nodiscard]] double decay_percent(double rate, double x, std::int64_t layers) noexcept;

/// f for every layer, quantised as int(S·f(l)/100).
[[nodiscard]] LayerPercents decay_plan(double rate, std::int64_t layers);

/// f at the layers where a stage begins (counted from 0), held until the next one: few stages cost
/// less to run than one for every layer, and keep more than f asks for.
[[nodiscard]] StagedRatios decay_plan(double rate, std::int64_t layers,
                                      const std::vector<std::int64_t>& stage_layers);

}  // namespace sluice::spatial3d
