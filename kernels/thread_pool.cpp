#include "kernels/thread_pool.h"

#include <algorithm>
#include <exception>
#include <utility>

#if defined(__linux__)
#include <sched.h>
#endif

#include "kernels/error.h"

namespace sluice::kernels {

namespace {

/// Cores that this process may use: fewer than the machine has in a container or under taskset.
int usable_cores() {
#if defined(__linux__)
  cpu_set_t cores;
  if (::sched_getaffinity(0, sizeof cores, &cores) == 0) return std::max(1, CPU_COUNT(&cores));
#endif
  return static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
  if (threads < 0)
    throw input_error("threads", concat(threads), "0 (one per core) or a positive number");
  if (threads == 0) threads = usable_cores();
  try {
    workers_.reserve(static_cast<std::size_t>(threads) - 1);
    for (int worker = 1; worker < threads; ++worker)
      workers_.emplace_back([this, worker] { serve(worker); });
  } catch (const std::exception& error) {
    stop_all();  // those that did start must end before the pool does
    throw system_error("threads", concat("can't start ", threads, ": ", error.what()),
                       "fewer threads");
  }
}

ThreadPool::~ThreadPool() {
  stop_all();
}

void ThreadPool::stop_all() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (auto& worker : workers_) worker.join();
}

void ThreadPool::run(std::int64_t count, const Loop& loop) {
  if (count <= 0) return;
  poll_.begin_loop();
  if (workers_.empty() || count == 1) {
    for (std::int64_t index = 0; index < count; ++index) {
      poll_.tick();
      loop.call(loop.object, index, 0);
    }
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    loop_ = loop;
    count_ = count;
    next_.store(0, std::memory_order_relaxed);
    error_ = nullptr;
    busy_ = static_cast<int>(workers_.size());
    ++generation_;
  }
  wake_.notify_all();
  work(0);
  std::unique_lock lock(mutex_);
  done_.wait(lock, [this] { return busy_ == 0; });
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

void ThreadPool::work(int worker) noexcept {
  for (;;) {
    const std::int64_t index = next_.fetch_add(1, std::memory_order_relaxed);
    if (index >= count_) return;
    try {
      if (worker == 0) poll_.tick();
      loop_.call(loop_.object, index, worker);
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::current_exception();
      next_.store(count_, std::memory_order_relaxed);  // start no further iteration
    }
  }
}

void ThreadPool::serve(int worker) {
  std::uint64_t seen = 0;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stop_ || generation_ != seen; });
      if (stop_) return;
      seen = generation_;
    }
    work(worker);
    {
      const std::lock_guard lock(mutex_);
      if (--busy_ == 0) done_.notify_one();
    }
  }
}

}  // namespace sluice::kernels
