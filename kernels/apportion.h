// Sharing an exact number of tokens among groups (design: "The budget, exactly").
#pragma once

#include <cstdint>
#include <span>

namespace sluice::kernels {

/// Group g with available[g] tokens and quota available[g]·ratio gets
/// rnd(Σ_{≤g} quota) − rnd(Σ_{<g} quota), where ratio = total / Σ available: exact in total, and
/// even along the order of the groups. No group gets more than it has.
///
/// Requires 0 ≤ total ≤ Σ available and equal lengths; throws sluice::Error otherwise.
void apportion(std::int64_t total, std::span<const std::int64_t> available,
               std::span<std::int64_t> shares);

}  // namespace sluice::kernels
