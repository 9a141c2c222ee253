// Streams of CUDA devices for calls that keep no state, shared by all of Python's threads. Built
// where a CUDA compiler was found.
#pragma once

#include <cstdint>
#include <memory>

#include "kernels/cuda/stream_resources.h"

namespace sluice::python {

/// A stream and its memory for one call: those of an earlier call that has ended, or new ones.
/// Nothing of CUDA is touched before the first.
class BorrowedStream {
 public:
  /// Throws sluice::Error (kind system), naming `argument`, whose device it is, if that can't be
  /// used. Takes long the first time: better without the GIL.
  BorrowedStream(int device, const char* argument);
  ~BorrowedStream();
  BorrowedStream(const BorrowedStream&) = delete;
  BorrowedStream& operator=(const BorrowedStream&) = delete;

  operator kernels::cuda::StreamResources&() noexcept { return *resources_; }  // NOLINT: see above
  [[nodiscard]] int device() const noexcept { return resources_->device(); }
  /// The stream as __dlpack__() wants it.
  [[nodiscard]] std::uintptr_t handle() const noexcept {
    return reinterpret_cast<std::uintptr_t>(resources_->stream());
  }

 private:
  std::unique_ptr<kernels::cuda::StreamResources> resources_;
};

}  // namespace sluice::python
