#include "apps/model/latency_by_tokens.h"

#include <algorithm>
#include <cmath>

namespace sluice::model {
namespace {

constexpr double bucket_width = 0.02;  // of the natural logarithm: at most 1 % to either side
constexpr double least_ms = 1e-4;

int bucket_of(double ms) {
  return static_cast<int>(std::lround(std::log(std::max(ms, least_ms)) / bucket_width));
}

}  // namespace

void LatencyByTokens::add(std::int64_t tokens, double ms) {
  Counts& counts = by_tokens_[tokens];
  ++counts.packets;
  counts.max_ms = std::max(counts.max_ms, ms);
  ++counts.buckets[bucket_of(ms)];
}

void LatencyByTokens::Counts::add(const Counts& other) {
  packets += other.packets;
  max_ms = std::max(max_ms, other.max_ms);
  for (const auto& [bucket, count] : other.buckets) buckets[bucket] += count;
}

double LatencyByTokens::Counts::quantile_ms(double quantile) const {
  const double wanted = quantile * static_cast<double>(packets);
  std::int64_t seen = 0;
  for (const auto& [bucket, count] : buckets) {
    seen += count;
    if (static_cast<double>(seen) >= wanted)
      return std::min(std::exp(bucket * bucket_width), max_ms);
  }
  return max_ms;
}

std::vector<LatencyByTokens::Row> LatencyByTokens::rows(std::size_t at_most) const {
  std::int64_t packets = 0;
  for (const auto& [tokens, counts] : by_tokens_) packets += counts.packets;
  const bool each = by_tokens_.size() <= at_most;
  const double share = static_cast<double>(packets) / static_cast<double>(at_most);

  std::vector<Row> rows;
  Counts group;
  std::int64_t first = 0, seen = 0;
  for (auto next = by_tokens_.begin(); next != by_tokens_.end();) {
    const auto& [tokens, counts] = *next++;
    if (group.packets == 0) first = tokens;
    group.add(counts);
    seen += counts.packets;
    const bool full = static_cast<double>(seen) >= share * static_cast<double>(rows.size() + 1);
    if (!each && !full && next != by_tokens_.end()) continue;
    rows.push_back({first, tokens, group.packets, group.quantile_ms(0.5), group.quantile_ms(0.99),
                    group.max_ms});
    group = {};
  }
  return rows;
}

}  // namespace sluice::model
