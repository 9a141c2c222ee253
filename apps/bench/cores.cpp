#include "apps/bench/cores.h"

#include <cstddef>
#include <cstring>

#if defined(__linux__)
#include <sched.h>
#endif

namespace sluice::apps {
namespace {

constexpr std::size_t more_than_caches = std::size_t{128} << 20;  // bytes
constexpr std::size_t copied_at_once = std::size_t{1} << 20;

void copy_until(const std::atomic<bool>& stop) {
  std::vector<std::byte> from(more_than_caches, std::byte{1}), to(more_than_caches);
  for (std::size_t at = 0; !stop.load(std::memory_order_relaxed);
       at = (at + copied_at_once) % more_than_caches)
    std::memcpy(to.data() + at, from.data() + at, copied_at_once);
}

}  // namespace

#if defined(__linux__)

std::vector<int> usable_cores() {
  std::vector<int> cores;
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return cores;
  for (std::size_t core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(core, &set)) cores.push_back(static_cast<int>(core));
  return cores;
}

namespace {

void run_on(std::span<const int> cores) noexcept {
  if (cores.empty()) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int core : cores) CPU_SET(static_cast<std::size_t>(core), &set);
  (void)::sched_setaffinity(0, sizeof set, &set);  // a wish: without it figures are only noisier
}

}  // namespace

#else

std::vector<int> usable_cores() {
  return {};
}

namespace {
void run_on(std::span<const int>) noexcept {}
}  // namespace

#endif

StayOn::StayOn(std::span<const int> cores) : before_(usable_cores()) {
  run_on(cores);
}

StayOn::~StayOn() {
  run_on(before_);
}

BusyNeighbour::BusyNeighbour() : thread_([this] { copy_until(stop_); }) {}

BusyNeighbour::~BusyNeighbour() {
  stop_ = true;
  thread_.join();
}

}  // namespace sluice::apps
