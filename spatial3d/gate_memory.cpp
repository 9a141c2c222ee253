#include "spatial3d/gate_memory.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>

namespace sluice::spatial3d {
namespace {

/// Mean of the values without the `sink_share` largest. Attention has sinks: a few tokens that take
/// most of it whatever they show.
double typical(std::span<float> values, double sink_share) {
  const auto sinks = static_cast<std::ptrdiff_t>(sink_share * static_cast<double>(values.size()));
  std::sort(values.begin(), values.end(), std::greater<>());  // also fixes the order of the sum
  double sum = 0;
  for (const float value : values.subspan(static_cast<std::size_t>(sinks)))
    sum += static_cast<double>(value);
  return sum / static_cast<double>(static_cast<std::ptrdiff_t>(values.size()) - sinks);
}

}  // namespace

std::int64_t GateMemory::align(std::span<const kernels::VoxelKey> keys, double now,
                               double memory_seconds) {
  std::int64_t vanished = 0;
  next_present_.assign(keys.size(), {});
  next_absent_.clear();
  std::size_t present = 0, absent = 0;
  const auto vanish = [&] {
    TokenMemory memory = present_[present];
    vanished += memory.kept;
    memory.kept = false;
    memory.refreshed_pts = never;
    if (memory.has_attention()) next_absent_.push_back({key_[present], now, memory});
    ++present;
  };
  const auto stay_away = [&] {
    if (now - absent_[absent].since <= memory_seconds) next_absent_.push_back(absent_[absent]);
    ++absent;
  };
  // A key is in at most one of the two lists, so that what goes to next_absent_ stays sorted.
  const auto pass_until = [&](auto before) {
    for (;;) {
      const bool more_present = present < key_.size() && before(key_[present]);
      const bool more_absent = absent < absent_.size() && before(absent_[absent].key);
      if (more_present && (!more_absent || key_[present] < absent_[absent].key))
        vanish();
      else if (more_absent)
        stay_away();
      else
        return;
    }
  };
  for (std::size_t row = 0; row < keys.size(); ++row) {
    pass_until([key = keys[row]](auto other) { return other < key; });
    if (present < key_.size() && key_[present] == keys[row])
      next_present_[row] = present_[present++];
    else if (absent < absent_.size() && absent_[absent].key == keys[row])
      next_present_[row] = absent_[absent++].memory;
  }
  pass_until([](auto) { return true; });
  key_.assign(keys.begin(), keys.end());
  present_.swap(next_present_);
  absent_.swap(next_absent_);
  now_ = now;
  return vanished;
}

void GateMemory::attend(std::span<const kernels::VoxelKey> keys, std::span<const float> attention,
                        double gain, double sink_share) {
  const auto positive = [](float value) { return value > 0; };
  if (std::none_of(attention.begin(), attention.end(), positive)) return;
  sorted_.assign(attention.begin(), attention.end());
  const double unit = typical(sorted_, sink_share);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    TokenMemory* memory = nullptr;
    const auto row = std::lower_bound(key_.begin(), key_.end(), keys[i]);
    if (row != key_.end() && *row == keys[i]) {
      memory = &present_[static_cast<std::size_t>(row - key_.begin())];
    } else {
      const auto away =
          std::lower_bound(absent_.begin(), absent_.end(), keys[i],
                           [](const Absent& entry, auto key) { return entry.key < key; });
      if (away == absent_.end() || away->key != keys[i]) continue;
      memory = &away->memory;
    }
    const auto x = static_cast<double>(attention[i]);
    const double reported = x > 0 ? x / (x + unit) : 0.0;
    memory->attention = memory->has_attention()
                            ? memory->attention + gain * (reported - memory->attention)
                            : reported;
    memory->attended_pts = now_;
  }
}

void GateMemory::clear() {
  now_ = never;
  key_.clear();
  present_.clear();
  absent_.clear();
}

}  // namespace sluice::spatial3d
