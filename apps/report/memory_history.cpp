#include "apps/report/memory_history.h"

#include <algorithm>

namespace sluice::report {

MemoryHistory::MemoryHistory(std::size_t most) : most_(std::max<std::size_t>(most, 4)) {}

void MemoryHistory::add(const MemoryMoment& moment) {
  // The newest one gives way unless it lies on the stride.
  if (added_ > 0 && (added_ - 1) % stride_ != 0) moments_.pop_back();
  moments_.push_back(moment);
  ++added_;
  if (moments_.size() < most_) return;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < moments_.size(); i += 2) moments_[kept++] = moments_[i];
  if (moments_.size() % 2 == 0) moments_[kept++] = moments_.back();
  moments_.resize(kept);
  stride_ *= 2;
}

}  // namespace sluice::report
