// A fixed set of threads for loops whose iterations don't depend on each other.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/periodic_poll.h"

namespace sluice::kernels {

/// Runs loops on `threads` threads, the caller's included. Iterations are handed out dynamically:
/// results are the same for every thread count as long as each iteration writes only what is its
/// own. One loop at a time; loops don't nest. After construction, no allocation.
class ThreadPool {
 public:
  /// `threads` ≥ 1; 0 means one per core that the process may use. Throws sluice::Error if they
  /// can't be started.
  explicit ThreadPool(int threads);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  [[nodiscard]] int threads() const noexcept { return static_cast<int>(workers_.size()) + 1; }

  /// Calls body(index, worker) for every index in [0, count); worker in [0, threads()) tells which
  /// scratch memory to use. Rethrows the first exception after all running iterations have ended.
  template <typename Body>
  void parallel_for(std::int64_t count, Body&& body) {
    const Loop loop{[](void* object, std::int64_t index, int worker) {
                      (*static_cast<std::remove_reference_t<Body>*>(object))(index, worker);
                    },
                    const_cast<void*>(static_cast<const void*>(std::addressof(body)))};
    run(count, loop);
  }

  /// From now on loops call `function` about every PeriodicPoll::interval, between iterations and
  /// on the thread that runs them. What it throws ends the loop as if an iteration had thrown it:
  /// this is how long work is stopped from outside. Results are then unspecified; everything stays
  /// usable. Empty: nothing is called.
  void set_poll(std::function<void()> function) { poll_.set(std::move(function)); }
  /// The same for long work that is no parallel loop: call it now and then, on the thread that runs
  /// the loops.
  void poll() { poll_.tick(); }

 private:
  struct Loop {
    void (*call)(void* object, std::int64_t index, int worker);
    void* object;
  };

  void run(std::int64_t count, const Loop& loop);
  void work(int worker) noexcept;
  void serve(int worker);
  void stop_all();

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  std::uint64_t generation_ = 0;  // of the current loop; guarded by mutex_
  int busy_ = 0;                  // workers still in the current loop; guarded by mutex_
  bool stop_ = false;
  Loop loop_{};
  std::int64_t count_ = 0;
  std::atomic<std::int64_t> next_{0};
  std::exception_ptr error_;  // guarded by mutex_
  PeriodicPoll poll_;         // of the thread that runs the loops
};

}  // namespace sluice::kernels
