#include "python/src/tensor_result.h"

#include <nanobind/ndarray.h>

#include <array>

namespace sluice::python {
namespace {

namespace nb = nanobind;
using kernels::DType;

nb::dlpack::dtype dlpack_type(DType type) {
  using Code = nb::dlpack::dtype_code;
  const auto of = [type](Code code) {
    return nb::dlpack::dtype{static_cast<std::uint8_t>(code),
                             static_cast<std::uint8_t>(8 * kernels::item_size(type)), 1};
  };
  switch (type) {
    case DType::f32:
    case DType::f16:
    case DType::f64: return of(Code::Float);
    case DType::bf16: return of(Code::Bfloat);
    case DType::i32:
    case DType::i64: return of(Code::Int);
    case DType::u8: return of(Code::UInt);
    case DType::boolean: return of(Code::Bool);
  }
  return {};
}

// An empty vector has no memory, but every tensor on the host has an address.
alignas(64) std::array<std::byte, 64> nothing{};

}  // namespace

nb::object tensor_of(kernels::TensorView view, nb::handle owner) {
  std::array<std::size_t, kernels::Shape::max_rank> shape{};
  for (std::size_t axis = 0; axis < view.rank(); ++axis)
    shape[axis] = static_cast<std::size_t>(view.size(axis));
  const bool on_cuda = view.device().kind == kernels::Device::Kind::cuda;
  // Python has no tensors that are read-only in all frameworks; the memory is the caller's now.
  void* data = view.data() == nullptr && !on_cuda ? nothing.data() : const_cast<void*>(view.data());
  return nb::cast(nb::ndarray<nb::array_api>(
      data, view.rank(), shape.data(), owner, nullptr, dlpack_type(view.dtype()),
      on_cuda ? nb::device::cuda::value : nb::device::cpu::value, view.device().index));
}

nb::object tensor_result(kernels::Tensor&& tensor) {
  const auto owner = keep(std::move(tensor));
  return tensor_of(static_cast<const kernels::Tensor*>(owner.data())->view(), owner);
}

}  // namespace sluice::python
