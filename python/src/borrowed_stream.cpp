#include "python/src/borrowed_stream.h"

#include <pthread.h>

#include <algorithm>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cuda/probe.h"
#include "kernels/error.h"

namespace sluice::python {
namespace {

using kernels::cuda::StreamResources;

struct Pool {
  std::mutex mutex;
  std::vector<std::unique_ptr<StreamResources>> idle;

  std::unique_ptr<StreamResources> take(int device) {
    const std::lock_guard lock(mutex);
    const auto found = std::ranges::find(idle, device, [](const auto& it) { return it->device(); });
    if (found == idle.end()) return nullptr;
    auto resources = std::move(*found);
    idle.erase(found);
    return resources;
  }
};

/// Never destroyed: at exit, CUDA may be gone before we are.
Pool*& pool() {
  static Pool* instance = [] {
    // Streams and device memory don't survive a fork: the child starts anew.
    ::pthread_atfork(nullptr, nullptr, [] { pool() = new Pool; });
    return new Pool;
  }();
  return instance;
}

}  // namespace

BorrowedStream::BorrowedStream(int device, const char* argument)
    : resources_(pool()->take(device)) {
  if (resources_) return;
  const std::string hindrance = kernels::cuda::what_hinders(device);
  if (!hindrance.empty())
    throw system_error(argument, hindrance,
                       "a CUDA device that can be used, or host memory (.cpu())");
  resources_ = std::make_unique<StreamResources>(kernels::cuda::StreamOptions{.device = device});
}

BorrowedStream::~BorrowedStream() {
  Pool& shared = *pool();
  const std::lock_guard lock(shared.mutex);
  shared.idle.push_back(std::move(resources_));
}

}  // namespace sluice::python
