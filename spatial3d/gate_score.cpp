#include "spatial3d/gate_score.h"

#include <algorithm>
#include <utility>

#include "spatial3d/voxel_neighbours.h"

namespace sluice::spatial3d {
namespace {

/// Clamped to [0, 1]; NaN becomes 0.
double unit(double value) {
  return value > 0 ? std::min(value, 1.0) : 0.0;
}

/// 1 at once, falling to 0 at `seconds`.
double fading(double age, double seconds) {
  return unit(1 - std::max(age, 0.0) / seconds);
}

/// 1 at once, one half after `seconds`. Evidence never quite ends.
double freshness(double age, double seconds) {
  return seconds / (seconds + std::max(age, 0.0));
}

double sum_of_weights(const SpatialGateOptions& options) {
  return options.surface_weight + options.relief_weight + options.elongation_weight +
         options.novelty_weight + options.recency_weight + options.views_weight +
         options.spread_weight;
}

}  // namespace

void spread_attention(std::span<const kernels::VoxelKey> keys, std::span<const TokenMemory> memory,
                      double now, const SpatialGateOptions& options,
                      std::vector<Relevance>& relevance) {
  struct Surroundings {
    double sum = 0, confidence = 0, most = 0;
  };
  relevance.assign(keys.size(), {});
  std::vector<Surroundings> around;
  for (std::size_t row = 0; row < keys.size(); ++row) {
    if (!memory[row].has_attention()) continue;
    const double confidence = freshness(now - memory[row].attended_pts, options.attention_seconds);
    relevance[row] = {memory[row].attention, confidence};
    if (options.attention_radius == 0) continue;
    around.resize(keys.size());
    for_each_neighbour(keys, kernels::unpack(keys[row]), options.attention_radius,
                       [&](std::size_t neighbour) {
                         if (neighbour == row) return;
                         auto& there = around[neighbour];
                         there.sum += confidence * memory[row].attention;
                         there.confidence += confidence;
                         there.most = std::max(there.most, confidence);
                       });
  }
  for (std::size_t row = 0; row < around.size(); ++row) {
    const double confidence = options.attention_spread * around[row].most;
    if (confidence > relevance[row].confidence)
      relevance[row] = {around[row].sum / around[row].confidence, confidence};
  }
}

TokenScore score_token(const VoxelTable& table, std::size_t row, const SurfaceShape& shape,
                       const Relevance& relevance, double now, const SpatialGateOptions& options) {
  using stream::KeepReason;
  const double elongation = (static_cast<double>(shape.elongation) - options.elongation_none) /
                            (options.elongation_full - options.elongation_none);
  const double surface =
      options.surface_weight * unit(static_cast<double>(shape.variation) / options.surface_full) +
      options.relief_weight * unit(static_cast<double>(shape.relief) / options.relief_full) +
      options.elongation_weight * unit(elongation);

  const double newness = fading(now - table.first_pts[row], options.novelty_seconds);
  const double change = unit(static_cast<double>(table.change[row]) / options.change_full);
  const double novelty = options.novelty_weight * std::max(newness, change);

  const auto views = static_cast<double>(std::max(table.views[row], 0));
  const double visibility =
      options.recency_weight * fading(now - table.last_pts[row], options.recency_seconds) +
      options.views_weight * views / (views + options.views_half) +
      options.spread_weight * unit(static_cast<double>(table.view_spread[row]));

  const double attended = options.attention_weight * relevance.confidence;
  const double rest = (1 - options.attention_penalty * attended) / sum_of_weights(options);
  const std::pair<double, KeepReason> parts[] = {
      {attended * unit(relevance.value), KeepReason::attention},
      {rest * surface, KeepReason::surface},
      {rest * novelty, KeepReason::novelty},
      {rest * visibility, KeepReason::visibility}};
  TokenScore score;
  double most = -1;
  for (const auto& [part, reason] : parts) {
    score.value += part;
    if (part > most) {
      most = part;
      score.reason = reason;
    }
  }
  return score;
}

}  // namespace sluice::spatial3d
