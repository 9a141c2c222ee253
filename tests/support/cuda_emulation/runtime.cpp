// The host's side: devices, memory, streams. Work that CUDA may do later is done as late as it may
// be: when something synchronises.
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>

#include "kernels/error.h"
#include "tests/support/cuda_emulation/device_heap.h"
#include "tests/support/cuda_emulation/emulation.h"
#include "tests/support/cuda_emulation/grid.h"

struct CUstream_st {};
struct CUevent_st {};

namespace sluice::cuda_emulation {
namespace {

struct Runtime {
  std::recursive_mutex mutex;
  Settings settings;
  DeviceHeap heap;
  std::map<const void*, std::size_t> pinned;
  std::deque<std::function<void()>> work;  // of all streams, in the order in which it was started
  cudaError_t last_error = cudaSuccess;
  cudaError_t failed = cudaSuccess;  // of work that was done later
  std::string report;
  std::string message;
  std::optional<std::pair<int, cudaError_t>> fault;
  bool lost = false;
  int device = 0;
  std::int64_t allocations = 0, launches = 0, synchronisations = 0, copied_bytes = 0;
};

Runtime& runtime() {
  static auto* only = new Runtime;  // outlives every static object that frees device memory
  return *only;
}

cudaError_t remember(cudaError_t error) {
  if (error != cudaSuccess) runtime().last_error = error;
  return error;
}

cudaError_t injected() {
  Runtime& r = runtime();
  if (r.lost) return cudaErrorDevicesUnavailable;
  if (r.fault && r.fault->first-- == 0) {
    const cudaError_t error = r.fault->second;
    r.fault.reset();
    return error;
  }
  return cudaSuccess;
}

cudaError_t driver_error() {
  const Settings& s = runtime().settings;
  if (s.driver_version == 0 || s.driver_version / 1000 < 13) return cudaErrorInsufficientDriver;
  return s.devices == 0 ? cudaErrorNoDevice : cudaSuccess;
}

/// What every call begins with.
template <typename Body>
cudaError_t call(Body&& body) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  cudaError_t error = driver_error();
  if (error == cudaSuccess) error = injected();
  if (error == cudaSuccess) error = body(r);
  return remember(error);
}

void fail(Runtime& r, std::string report) {
  r.report = std::move(report);
  r.failed = cudaErrorLaunchFailure;
  r.work.clear();
}

cudaError_t finish_work(Runtime& r) {
  ++r.synchronisations;
  const DeviceHeap::Access access(r.heap);
  while (!r.work.empty()) {
    const auto next = std::move(r.work.front());
    r.work.pop_front();
    next();
  }
  if (r.failed == cudaSuccess)
    if (auto damage = r.heap.damage(); !damage.empty()) fail(r, std::move(damage));
  return std::exchange(r.failed, cudaSuccess);
}

/// The memory that a copy names has to be on the side that it says.
bool is_possible(const Runtime& r, void* target, const void* source, std::size_t bytes,
                 cudaMemcpyKind kind) {
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  return r.heap.holds(target, bytes) == to_device && r.heap.holds(source, bytes) == from_device;
}

void copy_now(Runtime& r, void* target, const void* source, std::size_t bytes,
              cudaMemcpyKind kind) {
  const DeviceHeap::Access access(r.heap);
  std::memcpy(target, source, bytes);
  if (kind != cudaMemcpyDeviceToDevice) r.copied_bytes += static_cast<std::int64_t>(bytes);
}

}  // namespace

void configure(const Settings& settings) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  r.settings = settings;
  r.fault.reset();
  r.lost = false;
  r.failed = r.last_error = cudaSuccess;
  r.work.clear();
}

const Settings& settings() {
  return runtime().settings;
}
void fail_after(int calls, cudaError_t error) {
  runtime().fault = {calls, error};
}
void lose_device() {
  runtime().lost = true;
}
bool is_device_memory(const void* address, std::size_t bytes) {
  return runtime().heap.holds(address, bytes);
}
std::size_t allocated_bytes() {
  return runtime().heap.allocated();
}
std::int64_t allocations() {
  return runtime().allocations;
}
std::int64_t launches() {
  return runtime().launches;
}
std::int64_t synchronisations() {
  return runtime().synchronisations;
}
std::int64_t copied_bytes() {
  return runtime().copied_bytes;
}
const std::string& last_report() {
  return runtime().report;
}

bool may_be_argument(const void* pointer) {
  Runtime& r = runtime();
  if (pointer == nullptr || r.heap.holds(pointer, 0)) return true;
  const auto next = r.pinned.upper_bound(pointer);
  if (next == r.pinned.begin()) return false;
  const auto& [begin, bytes] = *std::prev(next);
  return pointer < static_cast<const std::byte*>(begin) + bytes;
}

cudaError_t launch(const dim3& grid, const dim3& block, std::size_t shared_bytes, const void*,
                   std::function<void()> thread) {
  return call([&](Runtime& r) {
    const std::uint64_t threads = std::uint64_t{block.x} * block.y * block.z;
    if (threads == 0 || threads > 1024 || grid.x == 0 || grid.y == 0 || grid.z == 0 ||
        grid.x > 0x7fffffffU || grid.y > 0xffffU || grid.z > 0xffffU)
      return cudaErrorInvalidConfiguration;
    if (shared_bytes > static_cast<std::size_t>(r.settings.shared_bytes_per_block))
      return cudaErrorInvalidValue;
    ++r.launches;
    r.work.emplace_back([&r, work = Launch{grid, block, shared_bytes, std::move(thread)}] {
      if (auto error = run_grid(work, r.settings.seed); !error.empty()) fail(r, std::move(error));
    });
    return cudaSuccess;
  });
}

}  // namespace sluice::cuda_emulation

using namespace sluice::cuda_emulation;  // NOLINT: CUDA's functions have no namespace

cudaError_t cudaGetLastError() {
  return std::exchange(runtime().last_error, cudaSuccess);
}

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "cudaSuccess";
    case cudaErrorInvalidValue: return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation: return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidConfiguration: return "cudaErrorInvalidConfiguration";
    case cudaErrorInsufficientDriver: return "cudaErrorInsufficientDriver";
    case cudaErrorDevicesUnavailable: return "cudaErrorDevicesUnavailable";
    case cudaErrorNoDevice: return "cudaErrorNoDevice";
    case cudaErrorInvalidDevice: return "cudaErrorInvalidDevice";
    case cudaErrorInvalidResourceHandle: return "cudaErrorInvalidResourceHandle";
    case cudaErrorIllegalAddress: return "cudaErrorIllegalAddress";
    case cudaErrorLaunchFailure: return "cudaErrorLaunchFailure";
    case cudaErrorSystemDriverMismatch: return "cudaErrorSystemDriverMismatch";
  }
  return "unknown error";
}

const char* cudaGetErrorString(cudaError_t error) {
  Runtime& r = runtime();
  r.message = sluice::concat("emulated error ", static_cast<int>(error));
  if (error == cudaErrorLaunchFailure) r.message += ": " + r.report;
  return r.message.c_str();
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = runtime().settings.driver_version;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 0;
  return call([&](Runtime& r) {
    *count = r.settings.devices;
    return cudaSuccess;
  });
}

cudaError_t cudaGetDevice(int* device) {
  return call([&](Runtime& r) {
    *device = r.device;
    return cudaSuccess;
  });
}

cudaError_t cudaSetDevice(int device) {
  return call([&](Runtime& r) {
    if (device < 0 || device >= r.settings.devices) return cudaErrorInvalidDevice;
    r.device = device;
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  return call([&](Runtime& r) {
    switch (attribute) {
      case cudaDevAttrMultiProcessorCount: *value = r.settings.multiprocessors; break;
      case cudaDevAttrComputeCapabilityMajor: *value = r.settings.compute_capability / 10; break;
      case cudaDevAttrComputeCapabilityMinor: *value = r.settings.compute_capability % 10; break;
      default: *value = r.settings.shared_bytes_per_block;
    }
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceSynchronize() {
  return call(finish_work);
}

cudaError_t cudaMalloc(void** memory, std::size_t bytes) {
  return call([&](Runtime& r) {
    ++r.allocations;
    *memory = r.heap.allocate(bytes, r.settings.memory_bytes, pattern(r.settings.seed));
    return *memory == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
  });
}

cudaError_t cudaFree(void* memory) {
  if (memory == nullptr) return cudaSuccess;
  return call([&](Runtime& r) {
    const cudaError_t error = finish_work(r);
    if (!r.heap.free(memory)) return cudaErrorInvalidValue;
    return error;
  });
}

cudaError_t cudaMallocHost(void** memory, std::size_t bytes) {
  return call([&](Runtime& r) {
    ++r.allocations;
    *memory = std::malloc(bytes == 0 ? 1 : bytes);
    if (*memory == nullptr) return cudaErrorMemoryAllocation;
    std::memset(*memory, pattern(r.settings.seed), bytes);
    r.pinned[*memory] = bytes;
    return cudaSuccess;
  });
}

cudaError_t cudaFreeHost(void* memory) {
  if (memory == nullptr) return cudaSuccess;
  return call([&](Runtime& r) {
    const cudaError_t error = finish_work(r);
    if (r.pinned.erase(memory) == 0) return cudaErrorInvalidValue;
    std::free(memory);
    return error;
  });
}

cudaError_t cudaMemcpy(void* target, const void* source, std::size_t bytes, cudaMemcpyKind kind) {
  return call([&](Runtime& r) {
    if (!is_possible(r, target, source, bytes, kind)) return cudaErrorInvalidValue;
    if (const cudaError_t error = finish_work(r); error != cudaSuccess) return error;
    copy_now(r, target, source, bytes, kind);
    return cudaSuccess;
  });
}

cudaError_t cudaMemcpyAsync(void* target, const void* source, std::size_t bytes,
                            cudaMemcpyKind kind, cudaStream_t) {
  return call([&](Runtime& r) {
    if (!is_possible(r, target, source, bytes, kind)) return cudaErrorInvalidValue;
    r.work.emplace_back([=, &r] { copy_now(r, target, source, bytes, kind); });
    return cudaSuccess;
  });
}

cudaError_t cudaMemsetAsync(void* target, int value, std::size_t bytes, cudaStream_t) {
  return call([&](Runtime& r) {
    if (!r.heap.holds(target, bytes)) return cudaErrorInvalidValue;
    r.work.emplace_back([=] { std::memset(target, value, bytes); });
    return cudaSuccess;
  });
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  return call([&](Runtime&) {
    *stream = new CUstream_st;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t) {
  return call(finish_work);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) {
  return call([](Runtime&) { return cudaSuccess; });
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  return call([&](Runtime&) {
    *event = new CUevent_st;
    return cudaSuccess;
  });
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) {
  return call([](Runtime&) { return cudaSuccess; });
}

cudaError_t cudaEventSynchronize(cudaEvent_t) {
  return call(finish_work);
}
