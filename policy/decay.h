// How a few past attention vectors become one (VLA-Pruner, arXiv 2511.16449).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sluice::policy {

/// Weights of a window of `window` entries, newest first, summing to 1: γ^i / Σγ^i, i = 1 newest.
/// Throws sluice::Error unless window ≥ 1 and 0 < decay ≤ 1.
[[nodiscard]] std::vector<double> decay_weights(std::int64_t window, double decay);

}  // namespace sluice::policy
