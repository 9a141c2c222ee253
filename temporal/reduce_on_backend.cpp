#include "temporal/reduce_on_backend.h"

#include <utility>

#include "kernels/error.h"

#if defined(SLUICE_WITH_CUDA)
#include "kernels/cuda/device_tensor.h"
#include "kernels/cuda/stream_resources.h"
#include "temporal/cuda_clip_reducer.h"
#endif

namespace sluice::temporal {
namespace {

using kernels::Backend;
using kernels::BackendChoice;
using kernels::BackendRequest;
using kernels::TensorView;

#if defined(SLUICE_WITH_CUDA)

namespace cuda = kernels::cuda;

/// In host memory, like the CPU's.
Reduction downloaded(cuda::StreamResources& resources, CudaReduction&& from) {
  Reduction result;
  result.tokens = std::move(from.tokens);
  cuda::download(resources, from.features, result.tokens.features);
  result.segments = std::move(from.segments);
  result.assignment = std::move(from.assignment);
  result.frames = from.frames;
  result.positions = from.positions;
  result.available = from.available;
  result.non_finite = from.non_finite;
  return result;
}

Reduction reduce_on_cuda(int device, const TensorView& features, const TensorView& attention,
                         const HolitomParameters& parameters) {
  cuda::StreamResources resources(cuda::StreamOptions{.device = device});
  cuda::DeviceTensor clip(device), scores(device);
  cuda::upload(resources, features, clip);
  if (attention.defined()) cuda::upload(resources, attention, scores);
  CudaReduction result;
  CudaClipReducer(resources, parameters)
      .reduce(clip, attention.defined() ? scores.view() : TensorView(), result);
  return downloaded(resources, std::move(result));
}

#else  // choose_backend() never says so

Reduction reduce_on_cuda(int, const TensorView&, const TensorView&, const HolitomParameters&) {
  throw system_error("backend cuda", "this program was built without CUDA", "backend cpu");
}

#endif

}  // namespace

BackendReduction reduce_on_backend(BackendRequest request, kernels::Resources& resources,
                                   const TensorView& features, const TensorView& attention,
                                   const HolitomParameters& parameters, int device) {
  BackendChoice choice = kernels::choose_backend(request, device);
  if (choice.backend == Backend::cuda) {
    try {
      return {reduce_on_cuda(device, features, attention, parameters), std::move(choice)};
    } catch (const Error& error) {
      if (request == BackendRequest::cuda || error.kind() != Error::Kind::system) throw;
      choice = {Backend::cpu, device, error.what()};
    }
  }
  return {reduce(resources, features, attention, parameters), std::move(choice)};
}

}  // namespace sluice::temporal
