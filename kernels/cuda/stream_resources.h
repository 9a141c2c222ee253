// What an engine on a CUDA device computes with: a stream, and memory that was allocated up front.
// Passed first to every operation of kernels/cuda, as kernels::Resources is on the CPU.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "kernels/cuda/device_memory.h"

struct CUstream_st;  // CUDA's own name: cudaStream_t points to it

namespace sluice::kernels::cuda {

struct StreamOptions {
  int device = 0;
  /// Scratch memory on the device to begin with. More is allocated where it doesn't suffice, which
  /// waits for the device: once, because what is there stays.
  std::size_t device_bytes = std::size_t{64} << 20;
  /// The same for pinned host memory, from which and to which copies overlap with kernels.
  std::size_t host_bytes = std::size_t{4} << 20;
};

/// Memory handed out from front to back, and taken back all at once. Grows by whole slabs.
class Arena {
 public:
  enum class Side : std::uint8_t { device, pinned_host };
  struct Mark {
    std::size_t slab = 0, used = 0;
  };

  Arena(Side side, int device) noexcept : side_(side), device_(device) {}

  /// Aligned to 256 bytes; never null. Throws sluice::Error (kind system) if there is no more.
  [[nodiscard]] void* take(std::size_t bytes);
  [[nodiscard]] Mark mark() const noexcept { return mark_; }
  /// Everything taken since may be handed out again.
  void release(const Mark& mark) noexcept { mark_ = mark; }
  [[nodiscard]] std::size_t capacity() const noexcept;
  [[nodiscard]] std::size_t slabs() const noexcept { return slabs_.size(); }

 private:
  struct Free {
    Side side;
    int device;
    void operator()(std::byte* memory) const noexcept;
  };
  struct Slab {
    std::unique_ptr<std::byte, Free> memory;
    std::size_t bytes;
  };

  Side side_;
  int device_;
  std::vector<Slab> slabs_;
  Mark mark_;
};

/// Owns one stream of one device and the memory for what runs in it. One host thread at a time.
///
/// Everything is started in the stream and done later, in that order; wait() returns when it is.
/// Whatever fails throws sluice::Error (kind system): at the call if CUDA refuses it, at the next
/// wait() if it fails on the device.
class StreamResources {
 public:
  /// Throws sluice::Error (kind system) if there is no such device or not enough memory.
  explicit StreamResources(const StreamOptions& options = {});
  StreamResources(const StreamResources&) = delete;
  StreamResources& operator=(const StreamResources&) = delete;
  ~StreamResources();

  [[nodiscard]] int device() const noexcept { return device_; }
  [[nodiscard]] CUstream_st* stream() const noexcept { return stream_; }
  [[nodiscard]] int multiprocessors() const noexcept { return multiprocessors_; }
  /// Of the largest block, and of all blocks that share a multiprocessor.
  [[nodiscard]] std::size_t shared_bytes_per_block() const noexcept { return block_shared_; }
  [[nodiscard]] std::size_t shared_bytes_per_multiprocessor() const noexcept { return shared_; }

  /// Scratch for `count` values: on the device, where only kernels and copies may touch them, or in
  /// pinned host memory. Its contents are unspecified. It lasts until the Scratch around it ends.
  template <typename T>
  [[nodiscard]] T* device_array(std::int64_t count) {
    return static_cast<T*>(device_arena_.take(bytes_of<T>(count)));
  }
  template <typename T>
  [[nodiscard]] std::span<T> host_array(std::int64_t count) {
    return {static_cast<T*>(host_arena_.take(bytes_of<T>(count))), static_cast<std::size_t>(count)};
  }

  /// A device array with a copy of `values`, which may change as soon as the call returns.
  template <typename T>
  [[nodiscard]] T* device_copy(std::span<const T> values) {
    const auto staged = host_array<T>(static_cast<std::int64_t>(values.size()));
    std::copy(values.begin(), values.end(), staged.begin());
    T* target = device_array<T>(static_cast<std::int64_t>(values.size()));
    upload(target, staged.data(), staged.size_bytes());
    return target;
  }
  /// A pinned copy of `count` values on the device: to be read after wait().
  template <typename T>
  [[nodiscard]] std::span<const T> host_copy(const T* values, std::int64_t count) {
    const auto staged = host_array<T>(count);
    download(staged.data(), values, staged.size_bytes());
    return staged;
  }

  /// Copies in the stream. Host memory must stay as it is until wait().
  void upload(void* device_target, const void* host_source, std::size_t bytes);
  void download(void* host_target, const void* device_source, std::size_t bytes);

  /// Returns when everything in the stream is done. Throws sluice::Error naming `where` if any of
  /// it failed.
  void wait(std::string_view where);

  [[nodiscard]] const Arena& device_arena() const noexcept { return device_arena_; }
  [[nodiscard]] const Arena& host_arena() const noexcept { return host_arena_; }

  /// What is taken while one exists is given back when it ends. Whatever the stream still does with
  /// device memory comes before what uses it next, which is started later in the same stream.
  class DeviceScratch {
   public:
    explicit DeviceScratch(StreamResources& resources) noexcept
        : arena_(resources.device_arena_), mark_(arena_.mark()) {}
    DeviceScratch(const DeviceScratch&) = delete;
    DeviceScratch& operator=(const DeviceScratch&) = delete;
    ~DeviceScratch() { arena_.release(mark_); }

   private:
    Arena& arena_;
    Arena::Mark mark_;
  };

  /// The same for pinned host memory, too: call wait() before it ends, because the host may use
  /// what is given back while a copy in the stream still reads or writes it. If an exception ends
  /// it, it waits itself.
  class Scratch {
   public:
    explicit Scratch(StreamResources& resources) noexcept
        : device_(resources), resources_(resources), mark_(resources.host_arena_.mark()) {}
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch();

   private:
    DeviceScratch device_;
    StreamResources& resources_;
    Arena::Mark mark_;
    int exceptions_ = std::uncaught_exceptions();
  };

 private:
  template <typename T>
  [[nodiscard]] static std::size_t bytes_of(std::int64_t count) {
    return static_cast<std::size_t>(count) * sizeof(T);
  }

  int device_;
  CUstream_st* stream_ = nullptr;
  int multiprocessors_ = 0;
  std::size_t block_shared_ = 0;
  std::size_t shared_ = 0;
  Arena device_arena_;
  Arena host_arena_;
};

}  // namespace sluice::kernels::cuda
