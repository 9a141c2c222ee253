// Threads for calls that keep no state, shared by all of Python's threads.
#pragma once

#include <memory>

#include "kernels/resources.h"

namespace sluice::python {

/// Threads of every object and call made from now on; 0: one per core. Throws sluice::Error for
/// negative numbers.
void set_threads(int threads);
[[nodiscard]] int threads() noexcept;

/// Resources for one call: those of an earlier call that has ended, or new ones. An interrupt
/// (Ctrl-C) ends its loops: see check_signals().
class BorrowedResources {
 public:
  BorrowedResources();
  ~BorrowedResources();
  BorrowedResources(const BorrowedResources&) = delete;
  BorrowedResources& operator=(const BorrowedResources&) = delete;

  operator kernels::Resources&() noexcept { return *resources_; }  // NOLINT: it stands for them

 private:
  std::unique_ptr<kernels::Resources> resources_;
  int wanted_;
};

}  // namespace sluice::python
