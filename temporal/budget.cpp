#include "temporal/budget.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/apportion.h"
#include "kernels/rounding.h"

namespace sluice::temporal {
namespace {

using kernels::round_half_even;

std::int64_t sum(const std::vector<std::int64_t>& values) {
  return std::accumulate(values.begin(), values.end(), std::int64_t{0});
}

/// Groups in output order: a segment's static positions, then each of its frames.
std::vector<SegmentQuota> share(std::span<const SegmentSupply> supplies, std::int64_t total) {
  std::vector<std::int64_t> sound, broken;
  for (const auto& supply : supplies) {
    sound.push_back(supply.static_tokens);
    sound.insert(sound.end(), supply.dynamic_tokens.begin(), supply.dynamic_tokens.end());
    broken.push_back(0);
    broken.insert(broken.end(), supply.broken_tokens.begin(), supply.broken_tokens.end());
  }
  std::vector<std::int64_t> shares(sound.size()), broken_shares(broken.size());
  const std::int64_t sound_total = std::min(total, sum(sound));
  kernels::apportion(sound_total, sound, shares);
  kernels::apportion(total - sound_total, broken, broken_shares);

  std::vector<SegmentQuota> quotas(supplies.size());
  std::size_t group = 0;
  for (std::size_t s = 0; s < supplies.size(); ++s) {
    quotas[s].static_tokens = shares[group++];
    quotas[s].dynamic_tokens.resize(supplies[s].dynamic_tokens.size());
    for (auto& dynamic : quotas[s].dynamic_tokens) {
      dynamic = shares[group] + broken_shares[group];
      ++group;
    }
  }
  return quotas;
}

std::int64_t frames_of(std::span<const SegmentSupply> supplies) {
  std::int64_t frames = 0;
  for (const auto& supply : supplies) frames += supply.segment.frames();
  return frames;
}

std::int64_t available_in(std::span<const SegmentSupply> supplies) {
  std::int64_t available = 0;
  for (const auto& supply : supplies) available += supply.available();
  return available;
}

/// §1.3: r' = min(r / ((N − red) / N), 1), rounded per segment and rounded up per frame.
std::vector<SegmentQuota> share_as_published(std::span<const SegmentSupply> supplies,
                                             std::int64_t positions, double retain) {
  const auto tokens = static_cast<double>(frames_of(supplies) * positions);
  const auto available = static_cast<double>(available_in(supplies));
  const double ratio = std::min(retain / (available / tokens), 1.0);
  std::vector<SegmentQuota> quotas(supplies.size());
  for (std::size_t s = 0; s < supplies.size(); ++s) {
    const auto& supply = supplies[s];
    quotas[s].static_tokens = round_half_even(static_cast<double>(supply.static_tokens) * ratio);
    const double dynamic = static_cast<double>(positions - supply.static_tokens);
    quotas[s].dynamic_tokens.assign(supply.dynamic_tokens.size(),
                                    static_cast<std::int64_t>(std::ceil(dynamic * ratio)));
  }
  return quotas;
}

}  // namespace

std::int64_t SegmentSupply::available() const noexcept {
  return static_tokens + sum(dynamic_tokens) + sum(broken_tokens);
}

std::int64_t SegmentQuota::total() const noexcept {
  return static_tokens + sum(dynamic_tokens);
}

std::int64_t total_budget(std::int64_t tokens, std::int64_t available,
                          const HolitomParameters& parameters) {
  const std::int64_t wanted =
      parameters.budget.value_or(round_half_even(parameters.retain * static_cast<double>(tokens)));
  return std::min(wanted, available);
}

std::vector<SegmentQuota> share_recording(std::span<const SegmentSupply> supplies,
                                          std::int64_t positions,
                                          const HolitomParameters& parameters) {
  const std::int64_t tokens = frames_of(supplies) * positions;
  if (parameters.rounding == Rounding::parity) {
    const double retain =
        parameters.budget ? static_cast<double>(*parameters.budget) / static_cast<double>(tokens)
                          : parameters.retain;
    return share_as_published(supplies, positions, retain);
  }
  return share(supplies, total_budget(tokens, available_in(supplies), parameters));
}

SegmentQuota share_segment(const SegmentSupply& supply, std::int64_t tokens) {
  return share({&supply, 1}, tokens).front();
}

void CausalBudget::earn(std::int64_t tokens) noexcept {
  seen_ += tokens;
  const std::int64_t earned = round_half_even(retain_ * static_cast<double>(seen_));
  credit_ = std::min(credit_ + (earned - earned_), cap_);
  earned_ = earned;
}

std::int64_t CausalBudget::spend(std::int64_t available) noexcept {
  const std::int64_t tokens = std::min(available, credit_);
  credit_ -= tokens;
  spent_ += tokens;
  return tokens;
}

}  // namespace sluice::temporal
