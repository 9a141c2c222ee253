// What has changed since the model was last shown it: the only evidence of a thing that appears
// where tokens are known already, before any attention has reached it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "stream/grid.h"

namespace sluice::policy {

/// For selectors that weigh evidence (selector.h); others take no notice.
struct NoveltyOptions {
  bool on = true;
  /// A token is novel if it changed by this much more than the source's median token, in 1 − cos.
  /// The median is what noise, light and a moving camera change everywhere: where everything
  /// changes, nothing is novel. 0.2 is 1 − τ of HoliTom.
  double threshold = 0.2;
  /// What moves takes attention along: see carry_attention().
  bool carries_attention = true;
};

/// novelty[i] = change[i] − median of all known changes, where that is at least `threshold`; else
/// 0. Changes below 0 are unknown (shown_features.h), and not novel. `ordered` is scratch.
void find_novelty(std::span<const float> change, double threshold, std::vector<float>& ordered,
                  std::span<float> novelty);

/// score[i] = max(score[i], novelty[i] · the largest score among the eight neighbours of
/// position[i]). Nothing happens without a grid, or in one of more cells than `cells` has capacity
/// for; `cells` is scratch. Scores ≥ 0.
void carry_attention(std::span<const float> novelty, const stream::Grid& grid,
                     std::span<const std::int32_t> position, std::vector<float>& cells,
                     std::span<float> score);

}  // namespace sluice::policy
