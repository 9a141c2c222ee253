#include "kernels/backend.h"

#include <cstdlib>

#include "kernels/error.h"

#if defined(SLUICE_WITH_CUDA)
#include "kernels/cuda/probe.h"
#endif

namespace sluice::kernels {
namespace {

std::string what_hinders_cuda(int device) {
#if defined(SLUICE_WITH_CUDA)
  return cuda::what_hinders(device);
#else
  (void)device;
  return "this program was built without CUDA";
#endif
}

}  // namespace

std::string_view name(Backend backend) noexcept {
  return backend == Backend::cuda ? "cuda" : "cpu";
}

BackendRequest parse_backend(std::string_view text, std::string_view where) {
  if (text == "auto") return BackendRequest::automatic;
  if (text == "cpu") return BackendRequest::cpu;
  if (text == "cuda") return BackendRequest::cuda;
  throw input_error(where, concat('"', text, '"'), "auto, cpu or cuda");
}

BackendRequest requested_backend(std::string_view option) {
  if (!option.empty()) return parse_backend(option, "backend");
  const char* variable = std::getenv("SLUICE_BACKEND");
  if (variable == nullptr || *variable == '\0') return BackendRequest::automatic;
  return parse_backend(variable, "SLUICE_BACKEND");
}

BackendChoice choose_backend(BackendRequest request, int device) {
  if (request == BackendRequest::cpu) return {Backend::cpu, device, {}};
  std::string hindrance = what_hinders_cuda(device);
  if (hindrance.empty()) return {Backend::cuda, device, {}};
  if (request == BackendRequest::cuda)
    throw system_error("backend cuda", hindrance, "a CUDA device that can be used, or backend cpu");
  return {Backend::cpu, device, std::move(hindrance)};
}

}  // namespace sluice::kernels
