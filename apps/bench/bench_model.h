// The other end of the control link in a benchmark: notes when packets arrive, and answers each.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "apps/bench/tick_scene.h"
#include "stream/io/control_link.h"
#include "stream/io/model_link.h"

namespace sluice::apps {

class BenchModel {
 public:
  using Clock = std::chrono::steady_clock;

  /// A thread that receives from `link` until the object is destroyed, ticks 0 to ticks − 1.
  BenchModel(const TickScene& scene, const stream::ControlLink& link, std::int64_t ticks);
  BenchModel(const BenchModel&) = delete;
  BenchModel& operator=(const BenchModel&) = delete;
  ~BenchModel();

  /// When the packet of a tick had been received and decoded; the clock's epoch if it never was.
  [[nodiscard]] Clock::time_point arrival(std::int64_t tick) const noexcept;

 private:
  void receive_and_answer();

  const TickScene& scene_;
  stream::ModelLink link_;
  std::vector<std::atomic<Clock::rep>> arrivals_;  ///< [tick], 0: not yet
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace sluice::apps
