#include "spatial3d/decay_curve.h"

#include <algorithm>
#include <cmath>

namespace sluice::spatial3d {

double decay_percent(double rate, double x, std::int64_t layers) noexcept {
  const double way = x - 1;
  const auto whole = static_cast<double>(layers - 1);
  // 100 − D and D share the factor 1 / (1 − e^{−B·whole}). As one ratio of expm1 they stay exact
  // for small B, and both ends are met to the last bit. Powers of e stay below 1, or they would
  // overflow.
  const double b = std::abs(rate);
  double fallen = b == 0 ? way / whole : std::expm1(-b * way) / std::expm1(-b * whole);
  if (rate < 0) fallen *= std::exp(-b * (whole - way));
  return 100 - (100 - decay_last_percent) * fallen;
}

LayerPercents decay_plan(double rate, std::int64_t layers) {
  LayerPercents plan;
  double before = 100;
  for (std::int64_t layer = 1; layer <= layers; ++layer) {
    // The last bits of expm1 need not be monotone.
    before = std::clamp(decay_percent(rate, static_cast<double>(layer), layers), decay_last_percent,
                        before);
    plan.percent.push_back(before);
  }
  return plan;
}

StagedRatios decay_plan(double rate, std::int64_t layers,
                        const std::vector<std::int64_t>& stage_layers) {
  const std::vector<double> percent = decay_plan(rate, layers).percent;
  StagedRatios plan;
  for (const std::int64_t layer : stage_layers) {
    const bool exists = layer >= 0 && layer < layers;  // else for validate() to complain about
    plan.stages.push_back({layer, exists ? percent[static_cast<std::size_t>(layer)] / 100 : 1});
  }
  return plan;
}

}  // namespace sluice::spatial3d
