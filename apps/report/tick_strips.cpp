#include "apps/report/tick_strips.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "apps/report/palette.h"
#include "apps/report/strip.h"
#include "apps/report/tick_statistics.h"

namespace sluice::report {
namespace {

using stream::TickTraceSource;

/// No KeepReason, but what else may have become of a token.
constexpr std::uint8_t not_offered = 254, not_kept = 255;

/// [T,S] The reason for which the token at each position was kept, or one of the above.
std::vector<std::uint8_t> fates(const TickTraceSource& source) {
  const auto positions = static_cast<std::size_t>(source.source.positions());
  std::vector<std::uint8_t> fates;
  fates.reserve(source.offered.size() * positions);
  for (std::size_t t = 0; t < source.offered.size(); ++t) {
    fates.resize((t + 1) * positions, source.offered[t] > 0 ? not_kept : not_offered);
    // A memory offers tokens at some of its positions only.
    for (std::size_t i = t * positions; i < (t + 1) * positions; ++i)
      if (!source.action.empty() && std::isnan(source.action[i])) fates[i] = not_offered;
    for (std::int64_t i = source.first_kept[t]; i < source.first_kept[t + 1]; ++i) {
      const auto row = static_cast<std::size_t>(i);
      const std::int32_t position = source.position[row];
      if (position >= 0 && static_cast<std::size_t>(position) < positions)
        fates[t * positions + static_cast<std::size_t>(position)] = source.reason[row];
    }
  }
  return fates;
}

/// The value that one in a hundred of the scores above 0 exceeds: a single peak shall not darken
/// everything else.
float bright(const TickTraceSource& source) {
  std::vector<float> values;
  for (const float score : source.action)
    if (score > 0) values.push_back(score);
  if (values.empty()) return 1;
  const auto place = values.begin() + (std::ssize(values) - 1) * 99 / 100;
  std::nth_element(values.begin(), place, values.end());
  return *place;
}

}  // namespace

stream::Image kept_strip(const TickTraceSource& source, const TimeAxis& axis) {
  const std::int32_t positions = source.source.positions();
  const std::vector<std::uint8_t> fate = fates(source);
  return strip(positions, axis, [&](std::int64_t tick, std::int32_t position) {
    const std::uint8_t reason = fate[static_cast<std::size_t>(tick * positions + position)];
    if (reason == not_offered) return mixture(palette::dropped);
    if (reason == not_kept) return mixture(palette::dropped_strip);
    return mixture(tick_style_of(reason).colour);
  });
}

stream::Image action_strip(const TickTraceSource& source, const TimeAxis& axis) {
  constexpr Colour dark{0x12, 0x17, 0x1E}, warm{0xC2, 0x41, 0x0C}, light{0xFE, 0xF0, 0xC0};
  const std::int32_t positions = source.source.positions();
  const auto highest = static_cast<double>(bright(source));
  return strip(positions, axis, [&](std::int64_t tick, std::int32_t position) {
    const float score = source.action[static_cast<std::size_t>(tick * positions + position)];
    if (std::isnan(score)) return mixture(palette::dropped);
    const double share = std::sqrt(std::clamp(static_cast<double>(score) / highest, 0.0, 1.0));
    return share < 0.5 ? between(dark, warm, 2 * share) : between(warm, light, 2 * share - 1);
  });
}

bool has_action(const TickTraceSource& source) noexcept {
  return std::any_of(source.action.begin(), source.action.end(),
                     [](float score) { return score > 0; });
}

}  // namespace sluice::report
