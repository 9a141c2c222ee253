#include "policy/sent_keys.h"

#include <algorithm>
#include <limits>

#include "kernels/touched_memory.h"

namespace sluice::policy {
namespace {

constexpr std::int64_t remembered_ticks = 64;

}  // namespace

void SentKeys::reserve(std::int64_t n) {
  const auto keys = static_cast<std::size_t>(std::max<std::int64_t>(n, 0));
  const std::size_t most = keys * (remembered_ticks + 1);
  kernels::reserve_touched(known_, most);
  kernels::reserve_touched(scratch_, most);
  kernels::reserve_touched(offered_, keys);
}

void SentKeys::record(std::span<const std::int64_t> keys, std::span<const std::int32_t> rows) {
  ++tick_;
  offered_.clear();
  for (const std::int64_t key : keys) offered_.push_back({key, 0, tick_});
  for (const std::int32_t row : rows) offered_[static_cast<std::size_t>(row)].sent = tick_;
  std::sort(offered_.begin(), offered_.end(), [](const Entry& a, const Entry& b) {
    return a.key < b.key || (a.key == b.key && a.sent > b.sent);
  });
  const auto same_key = [](const Entry& a, const Entry& b) { return a.key == b.key; };
  offered_.erase(std::unique(offered_.begin(), offered_.end(), same_key), offered_.end());
  merge_offered();
}

void SentKeys::merge_offered() {
  scratch_.clear();
  auto old = known_.begin();
  const auto keep_old = [this](const Entry& entry) {
    if (tick_ - entry.offered < remembered_ticks) scratch_.push_back(entry);
  };
  for (Entry entry : offered_) {
    for (; old != known_.end() && old->key < entry.key; ++old) keep_old(*old);
    if (old != known_.end() && old->key == entry.key) {
      entry.sent = std::max(entry.sent, old->sent);
      ++old;
    }
    scratch_.push_back(entry);
  }
  for (; old != known_.end(); ++old) keep_old(*old);
  known_.swap(scratch_);
}

bool SentKeys::unsent_for(std::span<const std::int64_t> keys,
                          std::span<std::int32_t> ticks) const noexcept {
  if (tick_ == 0) return false;
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  auto from = known_.begin();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    // Of ascending keys, each is usually the next one that is known.
    if (i > 0 && keys[i] < keys[i - 1]) from = known_.begin();
    if (from != known_.end() && from->key < keys[i]) ++from;
    if (from != known_.end() && from->key < keys[i])
      from = std::lower_bound(from, known_.end(), keys[i],
                              [](const Entry& entry, std::int64_t key) { return entry.key < key; });
    const bool was_sent = from != known_.end() && from->key == keys[i] && from->sent > 0;
    ticks[i] = was_sent ? static_cast<std::int32_t>(std::min(tick_ + 1 - from->sent, most)) : -1;
  }
  return true;
}

void SentKeys::clear() noexcept {
  known_.clear();
  tick_ = 0;
}

}  // namespace sluice::policy
