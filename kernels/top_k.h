// The k best of a list, with ties that never depend on the machine.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sluice::kernels {

/// Indices of the `k` largest scores, ascending. Ties go to the lowest index; NaN ranks below
/// everything else. k is clamped to [0, scores.size()].
void top_k(std::span<const float> scores, std::int64_t k, std::vector<std::int32_t>& indices);
void top_k(std::span<const double> scores, std::int64_t k, std::vector<std::int32_t>& indices);

}  // namespace sluice::kernels
