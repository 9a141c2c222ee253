// CUDA devices and memory on them, for the kernels beside this file and for those who call them.
// Built where a CUDA compiler was found.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace sluice::kernels::cuda {

/// Devices that can be used; 0 without a driver.
[[nodiscard]] int device_count() noexcept;

/// Makes a device the calling thread's current one, and the one before it again at the end.
class DeviceScope {
 public:
  /// Throws sluice::Error (kind system) if there is no such device.
  explicit DeviceScope(int device);
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;
  ~DeviceScope();

 private:
  int previous_ = 0;
};

/// Bytes on one device. Like kernels::Tensor, it keeps what it has when asked for less. Copies
/// return when they are done. Everything throws sluice::Error (kind system) where CUDA fails.
class DeviceMemory {
 public:
  explicit DeviceMemory(int device = 0) noexcept : device_(device) {}

  /// At least so many bytes. What they held is lost if there have to be more.
  void reserve(std::size_t bytes);
  void upload(std::span<const std::byte> bytes);  ///< reserves, too
  void download(std::span<std::byte> bytes) const;

  [[nodiscard]] int device() const noexcept { return device_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  template <typename T>
  [[nodiscard]] T* as() const noexcept {
    return static_cast<T*>(memory_.get());
  }

 private:
  struct Free {
    void operator()(void* memory) const noexcept;
  };
  int device_;
  std::size_t capacity_ = 0;
  std::unique_ptr<void, Free> memory_;
};

/// Throws sluice::Error (kind system) if an operation on the device, started since the last check
/// in this thread or still running, failed. Returns when all are done.
void finish(std::string_view where);

}  // namespace sluice::kernels::cuda
