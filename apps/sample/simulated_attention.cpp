#include "apps/sample/simulated_attention.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "apps/sample/random.h"

namespace sluice::sample {
namespace {

/// What a draw is for; keeps them apart.
enum Purpose : std::uint64_t {
  sinks = 101,
  blindness,
  noise_on_level,
  clutter_on_level = 201,
  lateness = 301
};

double weight(const RoleAttention& attention, Role role) noexcept {
  switch (role) {
    case Role::target: return attention.target;
    case Role::goal: return attention.goal;
    case Role::gripper: return attention.gripper;
    case Role::newcomer: return attention.newcomer;
    case Role::distractor: return attention.distractor;
    case Role::background:
    case Role::furniture: return 0;
  }
  return 0;
}

/// Standard normal (Box and Muller).
double normal(Random& random) noexcept {
  const double radius = std::sqrt(-2 * std::log(1 - random.unit()));
  return radius * std::cos(2 * std::numbers::pi * random.unit());
}

/// A generator of its own for every tick and patch.
Random draws(std::uint64_t seed, std::uint64_t purpose, std::int64_t tick, std::int64_t patch) {
  const auto place = (static_cast<std::uint64_t>(tick) << 20) + static_cast<std::uint64_t>(patch);
  return Random(mix(seed) ^ mix(place), purpose);
}

void normalise(std::vector<float>& attention) {
  double sum = 0;
  for (const float value : attention) sum += value;
  if (sum <= 0) return;
  for (float& value : attention) value = static_cast<float>(value / sum);
}

}  // namespace

SimulatedModel::SimulatedModel(const ControlEpisode& episode,
                               const SimulatedAttentionOptions& options)
    : episode_(episode), options_(options) {
  Random places(episode.seed, sinks);
  for (int i = 0; i < options.sinks; ++i)
    sinks_.push_back(places.below(static_cast<int>(episode.patches)));
  noticed_.fill(-1);
  for (const SceneObject& object : episode.objects) {
    Random random(episode.seed, blindness + (std::uint64_t{object.id} << 32));
    auto& blind = blind_[object.id];
    while (blind.size() < episode.ticks.size()) {
      const bool falls_out = random.unit() < options.blind;
      const auto span = static_cast<int>(options.blind_most - options.blind_least + 1);
      const auto ticks = falls_out ? options.blind_least + random.below(span) : 1;
      blind.insert(blind.end(), static_cast<std::size_t>(ticks), falls_out ? 1 : 0);
    }
  }
}

bool SimulatedModel::is_sink(std::int32_t patch) const noexcept {
  return std::find(sinks_.begin(), sinks_.end(), patch) != sinks_.end();
}

bool SimulatedModel::attends(std::int64_t tick, std::uint8_t object) const noexcept {
  return blind_[object][static_cast<std::size_t>(tick)] == 0;
}

double SimulatedModel::attention(std::int64_t tick, std::int64_t shown_at, std::int32_t patch,
                                 Level level) const {
  const RoleAttention& roles = level == Level::action ? options_.action : options_.semantic;
  double sum = is_sink(patch) ? options_.sink : 0;
  for (const SceneObject& object : episode_.objects) {
    if (!attends(tick, object.id)) continue;
    const std::int64_t noticed = noticed_[object.id];
    if (object.role == Role::newcomer && (noticed < 0 || tick < noticed + options_.reaction))
      continue;
    sum += weight(roles, object.role) * episode_.coverage(shown_at, patch, object.id);
  }
  const auto of_level = static_cast<std::uint64_t>(level);
  Random on_value = draws(episode_.seed, noise_on_level + of_level, tick, patch);
  Random on_clutter = draws(episode_.seed, clutter_on_level + of_level, tick, patch);
  return (sum + options_.clutter * std::exp(normal(on_clutter))) *
         std::exp(options_.noise * normal(on_value));
}

void SimulatedModel::notice(std::int64_t tick, std::span<const std::int32_t> sent) {
  std::vector<std::int32_t> patches;
  for (const SceneObject& object : episode_.objects) {
    if (object.role != Role::newcomer || noticed_[object.id] >= 0) continue;
    patches_of(episode_, tick, object.id, patches);
    const bool is_among_them = std::any_of(patches.begin(), patches.end(), [&](std::int32_t patch) {
      return std::find(sent.begin(), sent.end(), patch) != sent.end();
    });
    if (is_among_them) noticed_[object.id] = tick;
  }
}

void SimulatedModel::look(std::int64_t tick, std::span<const std::int32_t> sent,
                          stream::SourceFeedback& seen) {
  notice(tick, sent);
  const std::int64_t shown_at = std::max<std::int64_t>(tick - options_.lag, 0);
  seen.source = "camera";
  seen.semantic_attention.clear();
  seen.action_attention.clear();
  for (const std::int32_t patch : sent) {
    seen.semantic_attention.push_back(
        static_cast<float>(attention(tick, shown_at, patch, Level::semantic)));
    seen.action_attention.push_back(
        static_cast<float>(attention(tick, shown_at, patch, Level::action)));
  }
  normalise(seen.semantic_attention);
  normalise(seen.action_attention);
}

void SimulatedModel::prefill(std::int64_t tick, std::vector<float>& semantic) {
  std::vector<std::int32_t> all(static_cast<std::size_t>(episode_.patches));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int32_t>(i);
  notice(tick, all);
  semantic.clear();
  for (const std::int32_t patch : all)
    semantic.push_back(static_cast<float>(attention(tick, tick, patch, Level::prefill)));
  normalise(semantic);
}

std::int64_t SimulatedModel::delay(std::int64_t tick) const noexcept {
  Random random = draws(episode_.seed, lateness, tick, 0);
  if (random.unit() < options_.lost) return 0;
  const auto span = static_cast<int>(options_.late_most - options_.late_least + 1);
  return options_.late_least + random.below(span);
}

}  // namespace sluice::sample
