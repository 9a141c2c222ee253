#include "policy/feedback_ledger.h"

#include <utility>

#include "kernels/error.h"
#include "kernels/touched_memory.h"

namespace sluice::policy {
namespace {

constexpr std::int64_t most_ticks = 1 << 20;

/// Ticks from `tick` to a later one. Unsigned, for a message may name any tick.
std::uint64_t age(std::int64_t tick, std::int64_t later) {
  return static_cast<std::uint64_t>(later) - static_cast<std::uint64_t>(tick);
}

}  // namespace

FeedbackLedger::FeedbackLedger(std::int64_t limit) {
  if (limit < 1 || limit > most_ticks)
    throw input_error("stale limit", concat(limit, " ticks"), concat("1 to ", most_ticks));
  ring_.resize(static_cast<std::size_t>(limit));
}

void FeedbackLedger::reserve(std::int64_t sources, std::int64_t tokens) {
  for (auto& sent : ring_) {
    sent.keys.resize(static_cast<std::size_t>(sources));
    for (auto& keys : sent.keys) kernels::reserve_touched(keys, static_cast<std::size_t>(tokens));
  }
}

bool FeedbackLedger::sent(std::int64_t tick, std::int64_t episode, std::int64_t tokens) {
  if (episode != episode_) reset(episode);
  if (size_ > 0 && tick <= newest().tick) return false;
  while (size_ > 0 && age(ring_[oldest_].tick, tick) >= ring_.size()) forget_oldest();
  ++size_;
  auto& packet = newest();
  packet.tick = tick;
  packet.tokens = tokens;
  packet.answered = false;
  for (auto& keys : packet.keys) keys.clear();
  return true;
}

void FeedbackLedger::sent_keys(std::size_t source, std::span<const std::int64_t> keys) {
  if (size_ == 0) return;
  auto& packet = newest();
  if (source >= packet.keys.size()) packet.keys.resize(source + 1);
  packet.keys[source].assign(keys.begin(), keys.end());
}

FeedbackFate FeedbackLedger::judge(std::int64_t tick, std::int64_t episode) noexcept {
  const auto fate = [&] {
    if (episode != episode_) return FeedbackFate::other_episode;
    if (size_ == 0 || tick > newest().tick) return FeedbackFate::future;
    if (age(tick, newest().tick) >= ring_.size()) return FeedbackFate::stale;
    auto* packet = find(tick);
    if (packet == nullptr) return FeedbackFate::unknown_tick;
    return std::exchange(packet->answered, true) ? FeedbackFate::duplicate : FeedbackFate::applied;
  }();
  count(fate);
  return fate;
}

void FeedbackLedger::reject(std::int64_t tick) noexcept {
  count(FeedbackFate::malformed);
  auto* packet = find(tick);
  if (packet == nullptr || !std::exchange(packet->answered, false)) return;
  --counts_.by_fate[static_cast<std::size_t>(FeedbackFate::applied)];
}

std::span<const std::int64_t> FeedbackLedger::keys(std::int64_t tick,
                                                   std::size_t source) const noexcept {
  const auto* packet = find(tick);
  if (packet == nullptr || source >= packet->keys.size()) return {};
  return packet->keys[source];
}

std::int64_t FeedbackLedger::tokens(std::int64_t tick) const noexcept {
  const auto* packet = find(tick);
  return packet == nullptr ? 0 : packet->tokens;
}

void FeedbackLedger::count(FeedbackFate fate) noexcept {
  ++counts_.by_fate[static_cast<std::size_t>(fate)];
}

void FeedbackLedger::reset(std::int64_t episode) noexcept {
  while (size_ > 0) forget_oldest();
  episode_ = episode;
}

FeedbackLedger::Sent& FeedbackLedger::newest() noexcept {
  return ring_[(oldest_ + size_ - 1) % ring_.size()];
}

/// From the newest back: feedback is rarely far behind.
const FeedbackLedger::Sent* FeedbackLedger::find(std::int64_t tick) const noexcept {
  for (std::size_t back = 1; back <= size_; ++back) {
    const auto& packet = ring_[(oldest_ + size_ - back) % ring_.size()];
    if (packet.tick == tick) return &packet;
    if (packet.tick < tick) break;
  }
  return nullptr;
}

FeedbackLedger::Sent* FeedbackLedger::find(std::int64_t tick) noexcept {
  return const_cast<Sent*>(std::as_const(*this).find(tick));
}

void FeedbackLedger::forget_oldest() noexcept {
  if (!ring_[oldest_].answered) ++counts_.unanswered;
  oldest_ = (oldest_ + 1) % ring_.size();
  --size_;
}

}  // namespace sluice::policy
