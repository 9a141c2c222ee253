// sluice.reduce for features on a CUDA device, which they don't leave. Built where a CUDA compiler
// was found.
#include <utility>
#include <vector>

#include "kernels/cuda/device_tensor.h"
#include "kernels/error.h"
#include "python/src/bindings.h"
#include "python/src/borrowed_stream.h"
#include "python/src/holitom_options.h"
#include "python/src/reduction_fields.h"
#include "python/src/tensor_argument.h"
#include "python/src/tensor_result.h"
#include "temporal/cuda_clip_reducer.h"

namespace sluice::python {
namespace {

namespace nb = nanobind;
using kernels::DType;
using kernels::TensorView;

void require_features(const TensorView& features) {
  if (features.rank() != 3 || features.empty())
    throw input_error("features", concat("has shape ", features.shape().to_string()),
                      "[frames, positions, width] with at least one of each");
  if (!kernels::is_feature_type(features.dtype()))
    throw input_error("features", concat("has type ", kernels::name(features.dtype())),
                      "f32, f16 or bf16");
}

/// [F,S] f32 on the features' device, uploaded if it came from the host.
TensorView scores_on_device(kernels::cuda::StreamResources& resources,
                            const TensorArgument& attention,
                            kernels::cuda::DeviceTensor& uploaded) {
  if (!attention.given()) return {};
  const TensorView& given = attention.view();
  if (given.device().kind == kernels::Device::Kind::cuda) {
    if (given.dtype() != DType::f32)
      throw input_error("attention", concat("has type ", kernels::name(given.dtype())),
                        "f32 on a CUDA device");
    return given;
  }
  const std::vector<float> values = attention.floats();
  kernels::cuda::upload(resources, {values.data(), DType::f32, given.shape()}, uploaded);
  return uploaded;
}

/// `attention` is a capsule for the same stream, a tensor on the host, or None.
nb::dict reduce_on_cuda(BorrowedStream& stream, nb::handle features_, nb::handle attention_,
                        nb::handle parameters_) {
  const auto parameters = holitom_parameters(parameters_);
  const kernels::Device device{kernels::Device::Kind::cuda, stream.device()};
  const TensorArgument features(features_, "features", device);
  const bool exported = PyCapsule_CheckExact(attention_.ptr()) != 0;
  const TensorArgument attention(attention_, "attention", exported ? device : kernels::Device{});
  require_features(features.view());
  if (attention.given())
    attention.require_shape({features.view().size(0), features.view().size(1)},
                            "[frames, positions]");
  temporal::CudaReduction result;
  {
    const nb::gil_scoped_release release;
    kernels::cuda::DeviceTensor uploaded(device.index);
    const TensorView scores = scores_on_device(stream, attention, uploaded);
    temporal::CudaClipReducer(stream, parameters).reduce(features.view(), scores, result);
  }
  nb::dict fields = reduction_fields(result);
  const auto owner = keep(std::move(result.features));
  const auto& kept = *static_cast<const kernels::cuda::DeviceTensor*>(owner.data());
  fields["columns"]["features"] = tensor_of(kept, owner);
  return fields;
}

}  // namespace

void bind_cuda_reduce(nb::module_& module) {
  nb::class_<BorrowedStream>(module, "CudaStream", "A stream of a CUDA device, for one call.")
      .def(
          "__init__",
          [](BorrowedStream* self, int device) {
            const nb::gil_scoped_release release;
            new (self) BorrowedStream(device, "features");
          },
          nb::arg("device"))
      .def_prop_ro("handle", &BorrowedStream::handle, "As __dlpack__(stream=…) wants it.");
  module.def("reduce_on_cuda", &reduce_on_cuda, nb::arg("stream"), nb::arg("features"),
             nb::arg("attention").none(), nb::arg("parameters"),
             "As reduce, of DLPack capsules that were exported for the stream; see sluice.reduce.");
}

}  // namespace sluice::python
