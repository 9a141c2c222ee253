// All products of rows with each other, fast and within a known error.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/resources.h"

namespace sluice::kernels {

/// gram[i,j] for j ≤ i of rows [n,width] f32, row-major [n,n]; entries above the diagonal are not
/// specified. See cpu::gram_error for how far off they can be. Internal to kernels/.
void lower_gram(Resources& resources, const float* rows, std::int64_t n, std::int64_t width,
                std::vector<float>& gram);

}  // namespace sluice::kernels
