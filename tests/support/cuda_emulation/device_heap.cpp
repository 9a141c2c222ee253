#include "tests/support/cuda_emulation/device_heap.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "kernels/error.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#endif

namespace sluice::cuda_emulation {
namespace {

constexpr std::size_t address_space = std::size_t{1} << 34;
constexpr std::size_t alignment = 256;
constexpr std::size_t guard_bytes = 256;  // behind each allocation, at least
constexpr std::byte guard{0xe7};
constexpr std::size_t page = 4096;

}  // namespace

DeviceHeap::DeviceHeap() {
  void* memory =
      mmap(nullptr, address_space, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  memory_ = static_cast<std::byte*>(memory);
}

/// Where the next allocation may begin after one of so many bytes.
std::size_t DeviceHeap::end_of(std::size_t offset, std::size_t bytes) const {
  return (offset + bytes + guard_bytes + alignment - 1) / alignment * alignment;
}

void* DeviceHeap::allocate(std::size_t bytes, std::size_t limit, unsigned char pattern) {
  if (bytes > limit || allocated_ > limit - bytes) return nullptr;
  std::size_t offset = 0;  // the first gap that is large enough
  for (const auto& [begin, size] : live_) {
    if (begin >= end_of(offset, bytes)) break;
    offset = end_of(begin, size);
  }
  const std::size_t end = end_of(offset, bytes);
  if (end > address_space) return nullptr;
  used_ = std::max(used_, end);
  live_[offset] = bytes;
  allocated_ += bytes;
  const Access access(*this);
  ASAN_UNPOISON_MEMORY_REGION(memory_ + offset, end - offset);
  std::memset(memory_ + offset, pattern, bytes);
  std::memset(memory_ + offset + bytes, static_cast<int>(guard), end - offset - bytes);
  ASAN_POISON_MEMORY_REGION(memory_ + offset + bytes, end - offset - bytes);
  return memory_ + offset;
}

bool DeviceHeap::free(void* memory) {
  const auto found =
      live_.find(static_cast<std::size_t>(static_cast<std::byte*>(memory) - memory_));
  if (found == live_.end()) return false;
  const Access access(*this);
  ASAN_POISON_MEMORY_REGION(memory_ + found->first, found->second);
  allocated_ -= found->second;
  live_.erase(found);
  return true;
}

bool DeviceHeap::is_damaged(std::size_t offset, std::size_t bytes) const {
#if defined(__SANITIZE_ADDRESS__)
  (void)offset, (void)bytes;  // the sanitizer has seen it already
  return false;
#else
  const std::byte* begin = memory_ + offset + bytes;
  const std::byte* end = memory_ + end_of(offset, bytes);
  return std::any_of(begin, end, [](std::byte value) { return value != guard; });
#endif
}

std::string DeviceHeap::damage() {
  const Access access(*this);
  for (const auto& [offset, bytes] : live_)
    if (is_damaged(offset, bytes))
      return concat("something was written beyond the end of an allocation of ", bytes, " bytes");
  return {};
}

bool DeviceHeap::holds(const void* address, std::size_t bytes) const {
  const auto* at = static_cast<const std::byte*>(address);
  if (at < memory_ || at >= memory_ + address_space) return false;
  const auto offset = static_cast<std::size_t>(at - memory_);
  auto next = live_.upper_bound(offset);
  if (next == live_.begin()) return false;
  const auto& [begin, size] = *--next;
  return offset + bytes <= begin + size;
}

DeviceHeap::Access::Access(DeviceHeap& heap) : heap_(heap) {
  const std::size_t used = (heap_.used_ + page - 1) / page * page;
  if (heap_.open_++ == 0 && used > 0) mprotect(heap_.memory_, used, PROT_READ | PROT_WRITE);
}

DeviceHeap::Access::~Access() {
  const std::size_t used = (heap_.used_ + page - 1) / page * page;
  if (--heap_.open_ == 0 && used > 0) mprotect(heap_.memory_, used, PROT_NONE);
}

}  // namespace sluice::cuda_emulation
