// Multi-head attention in which a row sees itself and the rows before it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "apps/model/matrix_product.h"

namespace sluice::model {

/// Where some rows look: the mean of their attention, over these rows and all heads.
struct AttentionReport {
  std::int64_t first_row = 0;
  std::int64_t row_count = 0;  ///< 0: nothing is reported
  std::span<float> mean = {};  ///< [n] by column; sums to 1
};

/// Memory to reuse from one call to the next.
struct AttentionScratch {
  PackedMatrix keys, values;
  std::vector<float> probabilities;
};

/// out [n,width] = for every head softmax(q·kᵀ/√(width/heads))·v with row i over columns 0 … i, the
/// heads side by side. qkv [n,3·width]: queries, keys, values; heads divides width.
void causal_attention(std::span<const float> qkv, std::int64_t width, std::int64_t heads,
                      std::span<float> out, AttentionScratch& scratch,
                      std::span<const AttentionReport> reports = {});

}  // namespace sluice::model
