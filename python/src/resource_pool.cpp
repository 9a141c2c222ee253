#include "python/src/resource_pool.h"

#include <pthread.h>

#include <atomic>
#include <mutex>
#include <utility>
#include <vector>

#include "kernels/error.h"
#include "python/src/interrupt.h"

namespace sluice::python {
namespace {

struct Pool {
  std::mutex mutex;
  std::vector<std::unique_ptr<kernels::Resources>> idle;
  int threads = 0;  // of those that are idle
};

std::atomic<int> wanted_threads{0};

/// Never destroyed: at exit, threads that are joined could wait for an interpreter that is gone.
Pool*& pool() {
  static Pool* instance = [] {
    // A forked child has none of its parent's threads, and must not wait for them: it starts anew.
    ::pthread_atfork(nullptr, nullptr, [] { pool() = new Pool; });
    return new Pool;
  }();
  return instance;
}

}  // namespace

void set_threads(int threads) {
  if (threads < 0)
    throw input_error("threads", concat(threads), "0 (one per core) or a positive number");
  wanted_threads = threads;
}

int threads() noexcept {
  return wanted_threads;
}

BorrowedResources::BorrowedResources() : wanted_(wanted_threads) {
  Pool& shared = *pool();
  {
    const std::lock_guard lock(shared.mutex);
    if (shared.threads != wanted_) {
      shared.idle.clear();
      shared.threads = wanted_;
    }
    if (!shared.idle.empty()) {
      resources_ = std::move(shared.idle.back());
      shared.idle.pop_back();
      return;
    }
  }
  resources_ = std::make_unique<kernels::Resources>(wanted_);
  resources_->pool().set_poll(check_signals);
}

BorrowedResources::~BorrowedResources() {
  Pool& shared = *pool();
  const std::lock_guard lock(shared.mutex);
  if (wanted_ == shared.threads) shared.idle.push_back(std::move(resources_));
}

}  // namespace sluice::python
