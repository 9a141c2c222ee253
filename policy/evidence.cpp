#include "policy/evidence.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sluice::policy {
namespace {

float bounded(float score) noexcept {
  constexpr float most = std::numeric_limits<float>::max();
  return std::clamp(score, -most, most);
}

}  // namespace

void Evidence::reserve(std::int64_t rows) {
  const auto n = static_cast<std::size_t>(rows);
  sum.reserve(n);
  most.reserve(n);
  reason.reserve(n);
  ordered.reserve(n);
}

void Evidence::begin(std::int64_t rows) {
  const auto n = static_cast<std::size_t>(rows);
  sum.assign(n, 0);
  most.assign(n, 0);
  reason.assign(n, static_cast<std::uint8_t>(stream::KeepReason::attention));
}

void add_level(std::span<const float> score, std::span<const std::int32_t> rows, double weight,
               stream::KeepReason reason, Evidence& evidence) {
  auto& ordered = evidence.ordered;
  ordered.clear();
  for (const std::int32_t row : rows) {
    const float value = score[static_cast<std::size_t>(row)];
    if (!std::isnan(value)) ordered.push_back(bounded(value));
  }
  if (ordered.empty()) return;
  const auto middle = ordered.begin() + std::ssize(ordered) / 2;
  std::nth_element(ordered.begin(), middle, ordered.end());
  const double median = *middle;
  const auto above_median = [&](std::int32_t row) {
    const float value = score[static_cast<std::size_t>(row)];
    return std::isnan(value) ? 0.0 : std::max(static_cast<double>(bounded(value)) - median, 0.0);
  };
  double sum = 0;
  for (const std::int32_t row : rows) sum += above_median(row);
  if (sum <= 0) return;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double part = weight * (above_median(rows[i]) / sum);
    evidence.sum[i] += part;
    if (part <= evidence.most[i]) continue;
    evidence.most[i] = part;
    evidence.reason[i] = static_cast<std::uint8_t>(reason);
  }
}

}  // namespace sluice::policy
