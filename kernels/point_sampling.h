// Choosing some of many points: evenly in space, or at random from a seed.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/resources.h"

namespace sluice::kernels {

/// Greedy farthest-point sampling. Indices of k of the [n,3] points, ascending. The first chosen is
/// the one farthest from the centroid; then always the one farthest from all chosen so far.
/// Distances in double from the f32 coordinates in a fixed order; ties to the lowest index. k is
/// clamped to [0,n]. Points that are not finite come last. A step touches only the points near the
/// one chosen last: few enough for one thread. Throws sluice::Error (kind input) for half a point.
void farthest_points(Resources& resources, std::span<const float> xyz, std::int64_t k,
                     std::vector<std::int32_t>& indices);

/// k of n indices, each subset equally likely given the seed, ascending. Deterministic on every
/// platform. k is clamped to [0,n]. Throws sluice::Error (kind input) unless 0 ≤ n < 2^31.
void seeded_sample(std::int64_t n, std::int64_t k, std::uint64_t seed,
                   std::vector<std::int32_t>& indices);

}  // namespace sluice::kernels
