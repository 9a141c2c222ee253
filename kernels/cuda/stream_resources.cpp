#include "kernels/cuda/stream_resources.h"

#include <cuda_runtime_api.h>

#include <numeric>

#include "kernels/cuda/cuda_error.h"
#include "kernels/error.h"

namespace sluice::kernels::cuda {
namespace {

constexpr std::size_t alignment = 256;
/// Fewer and larger slabs: each costs a call that waits for the device.
constexpr std::size_t least_slab = std::size_t{1} << 20;

int attribute(cudaDeviceAttr which, int device) {
  int value = 0;
  check(cudaDeviceGetAttribute(&value, which, device), "CUDA device");
  return value;
}

}  // namespace

void Arena::Free::operator()(std::byte* memory) const noexcept {
  (void)(side == Side::device ? cudaFree(memory) : cudaFreeHost(memory));
}

void* Arena::take(std::size_t bytes) {
  const std::size_t rounded =
      (std::max<std::size_t>(bytes, 1) + alignment - 1) / alignment * alignment;
  while (mark_.slab < slabs_.size()) {
    const Slab& slab = slabs_[mark_.slab];
    if (slab.bytes - mark_.used >= rounded) {
      void* memory = slab.memory.get() + mark_.used;
      mark_.used += rounded;
      return memory;
    }
    mark_ = {mark_.slab + 1, 0};
  }
  const DeviceScope scope(device_);
  const std::size_t size = std::max({rounded, least_slab, capacity()});  // doubles
  void* memory = nullptr;
  const bool on_device = side_ == Side::device;
  auto status = on_device ? cudaMalloc(&memory, size) : cudaMallocHost(&memory, size);
  std::size_t got = size;
  if (status == cudaErrorMemoryAllocation && rounded < size) {  // then no more than is asked for
    (void)cudaGetLastError();
    got = rounded;
    status = on_device ? cudaMalloc(&memory, got) : cudaMallocHost(&memory, got);
  }
  check(status, concat(on_device ? "CUDA memory, " : "pinned host memory, ", got, " bytes"));
  slabs_.push_back(
      {std::unique_ptr<std::byte, Free>(static_cast<std::byte*>(memory), Free{side_, device_}),
       got});
  mark_ = {slabs_.size() - 1, rounded};
  return memory;
}

std::size_t Arena::capacity() const noexcept {
  return std::accumulate(slabs_.begin(), slabs_.end(), std::size_t{0},
                         [](std::size_t total, const Slab& slab) { return total + slab.bytes; });
}

StreamResources::StreamResources(const StreamOptions& options)
    : device_(options.device),
      device_arena_(Arena::Side::device, options.device),
      host_arena_(Arena::Side::pinned_host, options.device) {
  const DeviceScope scope(device_);
  multiprocessors_ = attribute(cudaDevAttrMultiProcessorCount, device_);
  block_shared_ =
      static_cast<std::size_t>(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, device_));
  shared_ =
      static_cast<std::size_t>(attribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor, device_));
  const Scratch allocate_now(*this);
  (void)device_arena_.take(options.device_bytes);
  (void)host_arena_.take(options.host_bytes);
  check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "CUDA stream");
}

StreamResources::~StreamResources() {
  if (stream_ == nullptr) return;
  (void)cudaStreamSynchronize(stream_);  // nothing may still use the memory
  (void)cudaStreamDestroy(stream_);
}

StreamResources::Scratch::~Scratch() {
  if (std::uncaught_exceptions() > exceptions_) (void)cudaStreamSynchronize(resources_.stream_);
  resources_.host_arena_.release(mark_);
}

void StreamResources::upload(void* device_target, const void* host_source, std::size_t bytes) {
  if (bytes == 0) return;
  check(cudaMemcpyAsync(device_target, host_source, bytes, cudaMemcpyHostToDevice, stream_),
        "CUDA upload");
}

void StreamResources::download(void* host_target, const void* device_source, std::size_t bytes) {
  if (bytes == 0) return;
  check(cudaMemcpyAsync(host_target, device_source, bytes, cudaMemcpyDeviceToHost, stream_),
        "CUDA download");
}

void StreamResources::wait(std::string_view where) {
  check(cudaStreamSynchronize(stream_), where);
}

}  // namespace sluice::kernels::cuda
