// Memory of the emulated device: one stretch of addresses that host code can't touch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace sluice::cuda_emulation {

class DeviceHeap {
 public:
  DeviceHeap();

  /// Null if the device has no more than `limit` bytes. Filled with `pattern`.
  void* allocate(std::size_t bytes, std::size_t limit, unsigned char pattern);
  /// False if nothing was allocated there.
  bool free(void* memory);
  /// What was written beyond an allocation's end; empty if nothing was.
  [[nodiscard]] std::string damage();

  [[nodiscard]] bool holds(const void* address, std::size_t bytes) const;
  [[nodiscard]] std::size_t allocated() const { return allocated_; }

  /// While one exists, the memory can be accessed.
  class Access {
   public:
    explicit Access(DeviceHeap& heap);
    Access(const Access&) = delete;
    Access& operator=(const Access&) = delete;
    ~Access();

   private:
    DeviceHeap& heap_;
  };

 private:
  [[nodiscard]] std::size_t end_of(std::size_t offset, std::size_t bytes) const;
  [[nodiscard]] bool is_damaged(std::size_t offset, std::size_t bytes) const;

  std::byte* memory_;
  std::map<std::size_t, std::size_t> live_;  // offset → bytes
  std::size_t allocated_ = 0;
  std::size_t used_ = 0;  // the highest end so far
  int open_ = 0;
};

}  // namespace sluice::cuda_emulation
