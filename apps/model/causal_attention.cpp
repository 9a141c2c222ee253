#include "apps/model/causal_attention.h"

#include <algorithm>
#include <cmath>

namespace sluice::model {
namespace {

/// Rows whose probabilities are in memory together: few enough for the first-level cache, many
/// enough that little is computed above the diagonal.
constexpr std::int64_t block_rows = 32;

/// One head's keys as columns [size,n] and values as rows [n,size].
void pack_head(std::span<const float> qkv, std::int64_t n, std::int64_t width, std::int64_t offset,
               std::int64_t size, AttentionScratch& scratch) {
  scratch.keys.reshape(size, n);
  scratch.values.reshape(n, size);
  for (std::int64_t row = 0; row < n; ++row) {
    const float* keys = qkv.data() + row * 3 * width + width + offset;
    for (std::int64_t d = 0; d < size; ++d) scratch.keys.at(d, row) = keys[d];
    scratch.values.set_row(row, keys + width);
  }
}

/// scores[0 … seen) becomes a distribution, the rest up to `count` 0.
void softmax(float* scores, std::int64_t seen, std::int64_t count, float scale) {
  const float largest = *std::max_element(scores, scores + seen);
  float sum = 0;
  for (std::int64_t j = 0; j < seen; ++j) {
    scores[j] = std::exp(scale * (scores[j] - largest));
    sum += scores[j];
  }
  const float factor = 1 / sum;
  for (std::int64_t j = 0; j < seen; ++j) scores[j] *= factor;
  std::fill(scores + seen, scores + count, 0.0F);
}

void report_row(const AttentionReport& report, std::int64_t row, std::int64_t heads,
                const float* probabilities) {
  if (row < report.first_row || row >= report.first_row + report.row_count) return;
  const float share = 1 / static_cast<float>(heads * report.row_count);
  for (std::int64_t j = 0; j <= row; ++j)
    report.mean[static_cast<std::size_t>(j)] += share * probabilities[j];
}

}  // namespace

void causal_attention(std::span<const float> qkv, std::int64_t width, std::int64_t heads,
                      std::span<float> out, AttentionScratch& scratch,
                      std::span<const AttentionReport> reports) {
  const std::int64_t n = static_cast<std::int64_t>(qkv.size()) / (3 * width);
  const std::int64_t size = width / heads;
  const float scale = 1 / std::sqrt(static_cast<float>(size));
  for (const AttentionReport& report : reports) std::ranges::fill(report.mean, 0.0F);
  scratch.probabilities.resize(static_cast<std::size_t>(std::min(block_rows, n) * n));

  for (std::int64_t head = 0; head < heads; ++head) {
    const std::int64_t offset = head * size;
    pack_head(qkv, n, width, offset, size, scratch);
    for (std::int64_t first = 0; first < n; first += block_rows) {
      const std::int64_t end = std::min(n, first + block_rows);
      float* block = scratch.probabilities.data();
      const float* queries = qkv.data() + first * 3 * width + offset;
      multiply({queries, end - first, 3 * width}, scratch.keys, size, end, block, n);
      for (std::int64_t row = first; row < end; ++row) {
        float* probabilities = block + (row - first) * n;
        softmax(probabilities, row + 1, end, scale);
        for (const AttentionReport& report : reports) report_row(report, row, heads, probabilities);
      }
      multiply({block, end - first, n}, scratch.values, end, size,
               out.data() + first * width + offset, width);
    }
  }
}

}  // namespace sluice::model
