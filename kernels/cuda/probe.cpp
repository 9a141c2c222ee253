#include "kernels/cuda/probe.h"

#include <cuda_runtime_api.h>

#include "kernels/cuda/cuda_error.h"
#include "kernels/cuda/device_memory.h"

namespace sluice::kernels::cuda {
namespace {

constexpr int least_major = 8;  // what the kernels are written for: Ampere and later

/// 13000 is version 13.0.
std::string version_name(int version) {
  return concat(version / 1000, '.', version % 1000 / 10);
}

std::string why_no_devices(cudaError_t error) {
  if (error == cudaErrorNoDevice) return "no CUDA device";
  int driver = 0, runtime = 0;
  (void)cudaDriverGetVersion(&driver);
  (void)cudaRuntimeGetVersion(&runtime);
  (void)cudaGetLastError();
  if (driver == 0) return "no CUDA driver";
  if (error == cudaErrorInsufficientDriver)
    return concat("the driver knows CUDA ", version_name(driver), ", but this program needs ",
                  version_name(runtime));
  return concat("CUDA finds no devices: ", cudaGetErrorName(error), ": ",
                cudaGetErrorString(error));
}

}  // namespace

std::string what_hinders(int device) {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess) {
    (void)cudaGetLastError();
    return why_no_devices(error);
  }
  if (count == 0) return "no CUDA device";
  if (device < 0 || device >= count)
    return concat("no CUDA device ", device, ", there are ", count);
  try {
    const DeviceScope scope(device);
    int major = 0, minor = 0;
    check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "its age");
    check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device), "its age");
    if (major < least_major)
      return concat("CUDA device ", device, " has compute capability ", major, '.', minor,
                    ", and at least ", least_major, ".0 is needed");
    // Only now is there a context: a device that was lost, or that somebody else holds, says so.
    DeviceMemory(device).reserve(1);
    check(cudaDeviceSynchronize(), "its answer");
  } catch (const Error& failure) {
    return concat("CUDA device ", device, " can't be used: ", failure.what());
  }
  return {};
}

}  // namespace sluice::kernels::cuda
