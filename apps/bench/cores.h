// Which cores the threads of a benchmark run on, and a neighbour that keeps another one busy.
#pragma once

#include <atomic>
#include <span>
#include <thread>
#include <vector>

namespace sluice::apps {

/// Numbers of the cores that this process may use; empty where the system can't say.
[[nodiscard]] std::vector<int> usable_cores();
/// While it lives, the thread that made it, and those that this starts, run on these cores alone;
/// none: nothing changes.
class StayOn {
 public:
  explicit StayOn(std::span<const int> cores);
  StayOn(const StayOn&) = delete;
  StayOn& operator=(const StayOn&) = delete;
  ~StayOn();

 private:
  std::vector<int> before_;
};

/// A thread that copies more memory than the caches hold, over and over.
class BusyNeighbour {
 public:
  /// On the cores of the thread that makes it.
  BusyNeighbour();
  BusyNeighbour(const BusyNeighbour&) = delete;
  BusyNeighbour& operator=(const BusyNeighbour&) = delete;
  ~BusyNeighbour();

 private:
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace sluice::apps
