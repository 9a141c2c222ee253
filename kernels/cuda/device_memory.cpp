#include "kernels/cuda/device_memory.h"

#include <cuda_runtime_api.h>

#include "kernels/cuda/cuda_error.h"
#include "kernels/error.h"

namespace sluice::kernels::cuda {

int device_count() noexcept {
  int count = 0;
  if (cudaGetDeviceCount(&count) == cudaSuccess) return count;
  (void)cudaGetLastError();
  return 0;
}

DeviceScope::DeviceScope(int device) {
  const int count =
      device_count();  // without a driver, CUDA's other functions say less clearly why
  if (device < 0 || device >= count)
    throw system_error("CUDA", concat("no device ", device), concat("one of ", count));
  check(cudaGetDevice(&previous_), "CUDA device");
  check(cudaSetDevice(device), concat("CUDA device ", device));
}

DeviceScope::~DeviceScope() {
  (void)cudaSetDevice(previous_);
}

void DeviceMemory::reserve(std::size_t bytes) {
  if (bytes <= capacity_ && (memory_ || bytes == 0)) return;  // none if it was moved from
  const DeviceScope scope(device_);
  memory_.reset();
  capacity_ = 0;
  void* memory = nullptr;
  check(cudaMalloc(&memory, bytes), concat("CUDA memory, ", bytes, " bytes"));
  memory_.reset(memory);
  capacity_ = bytes;
}

void DeviceMemory::upload(std::span<const std::byte> bytes) {
  reserve(bytes.size());
  if (bytes.empty()) return;
  const DeviceScope scope(device_);
  check(cudaMemcpy(memory_.get(), bytes.data(), bytes.size(), cudaMemcpyHostToDevice),
        "CUDA upload");
}

void DeviceMemory::download(std::span<std::byte> bytes) const {
  if (bytes.empty()) return;
  const DeviceScope scope(device_);
  check(cudaMemcpy(bytes.data(), memory_.get(), bytes.size(), cudaMemcpyDeviceToHost),
        "CUDA download");
}

void DeviceMemory::Free::operator()(void* memory) const noexcept {
  (void)cudaFree(memory);
}

void finish(std::string_view where) {
  check(cudaGetLastError(), where);
  check(cudaDeviceSynchronize(), where);
}

}  // namespace sluice::kernels::cuda
