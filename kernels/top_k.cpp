#include "kernels/top_k.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace sluice::kernels {
namespace {

template <typename Score>
void select(std::span<const Score> scores, std::int64_t k, std::vector<std::int32_t>& indices) {
  const auto n = static_cast<std::int64_t>(scores.size());
  k = std::clamp<std::int64_t>(k, 0, n);
  indices.resize(scores.size());
  std::iota(indices.begin(), indices.end(), 0);
  // A strict total order, so that nth_element has exactly one right answer.
  const auto better = [scores](std::int32_t a, std::int32_t b) {
    const Score x = scores[static_cast<std::size_t>(a)];
    const Score y = scores[static_cast<std::size_t>(b)];
    if (std::isnan(x) || std::isnan(y)) {
      if (std::isnan(x) != std::isnan(y)) return std::isnan(y);
      return a < b;
    }
    return x > y || (x == y && a < b);
  };
  if (k < n) {
    std::nth_element(indices.begin(), indices.begin() + k, indices.end(), better);
    indices.resize(static_cast<std::size_t>(k));
  }
  std::sort(indices.begin(), indices.end());
}

}  // namespace

void top_k(std::span<const float> scores, std::int64_t k, std::vector<std::int32_t>& indices) {
  select(scores, k, indices);
}

void top_k(std::span<const double> scores, std::int64_t k, std::vector<std::int32_t>& indices) {
  select(scores, k, indices);
}

}  // namespace sluice::kernels
