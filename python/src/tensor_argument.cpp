#include "python/src/tensor_argument.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "kernels/error.h"
#include "stream/tensor_access.h"

namespace sluice::python {
namespace {

namespace nb = nanobind;
using kernels::DType;

std::optional<DType> engine_type(nb::dlpack::dtype type) {
  using Code = nb::dlpack::dtype_code;
  if (type.lanes != 1) return std::nullopt;
  switch (static_cast<Code>(type.code)) {
    case Code::Float:
      if (type.bits == 16) return DType::f16;
      if (type.bits == 32) return DType::f32;
      if (type.bits == 64) return DType::f64;
      return std::nullopt;
    case Code::Bfloat: return type.bits == 16 ? std::optional(DType::bf16) : std::nullopt;
    case Code::Int:
      if (type.bits == 32) return DType::i32;
      if (type.bits == 64) return DType::i64;
      return std::nullopt;
    case Code::UInt: return type.bits == 8 ? std::optional(DType::u8) : std::nullopt;
    case Code::Bool: return type.bits == 8 ? std::optional(DType::boolean) : std::nullopt;
    default: return std::nullopt;
  }
}

std::string class_name(nb::handle value) {
  return nb::cast<std::string>(nb::str(value.type().attr("__name__")));
}

std::string cuda_device(int index) {
  return concat("CUDA device ", index);
}

/// Throws unless the array lies where it shall.
void require_device(const nb::ndarray<nb::ro>& array, kernels::Device device,
                    const char* argument) {
  const bool on_cuda = array.device_type() == nb::device::cuda::value;
  if (device.kind == kernels::Device::Kind::cuda ? on_cuda && array.device_id() == device.index
                                                 : array.device_type() == nb::device::cpu::value)
    return;
  throw input_error(argument,
                    concat("is on ", on_cuda ? cuda_device(static_cast<int>(array.device_id()))
                                             : "another device"),
                    device.kind == kernels::Device::Kind::cuda ? cuda_device(device.index)
                                                               : "host memory (.cpu())");
}

}  // namespace

TensorArgument::TensorArgument(nb::handle value, const char* argument, kernels::Device device)
    : name_(argument) {
  if (value.is_none()) return;
  if (!nb::try_cast(value, array_, false))
    throw input_error(argument, concat("is a ", class_name(value), " that can't be read"),
                      "a NumPy array, a PyTorch tensor, or another that speaks DLPack");
  require_device(array_, device, argument);
  const auto type = engine_type(array_.dtype());
  if (!type)
    throw input_error(argument, "has an element type that the engine does not know",
                      "floating point of 16, 32 or 64 bits, or integers of 32 or 64");
  if (array_.ndim() == 0 || array_.ndim() > kernels::Shape::max_rank)
    throw input_error(argument, concat("has ", array_.ndim(), " dimensions"), "1 to 8");
  const kernels::Shape shape(std::span(array_.shape_ptr(), array_.ndim()));
  view_ = kernels::TensorView(array_.data(), *type, shape,
                              std::span(array_.stride_ptr(), array_.ndim()), device);
  if (shape.element_count() > 0 && !view_.is_contiguous())
    throw input_error(argument, "is strided", "contiguous memory");
  // A view without gaps, whatever strides an empty tensor or an extent of one came with.
  view_ = kernels::TensorView(array_.data(), *type, shape, device);
  if (reinterpret_cast<std::uintptr_t>(array_.data()) % kernels::item_size(*type) != 0)
    throw input_error(argument, "is not aligned to its elements", "aligned memory");
}

std::shared_ptr<const void> TensorArgument::owner() const {
  using Array = decltype(array_);
  return {new Array(array_), [](const Array* array) {
            const nb::gil_scoped_acquire gil;
            delete array;
          }};
}

kernels::Tensor TensorArgument::borrowed() const {
  return kernels::Tensor::borrow(view_, owner());
}

void TensorArgument::require_shape(std::initializer_list<std::int64_t> shape,
                                   const char* meaning) const {
  bool fits = view_.rank() == shape.size();
  std::string extents;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const std::int64_t extent = shape.begin()[axis];
    fits = fits && (extent < 0 || view_.size(axis) == extent);
    extents += concat(axis > 0 ? ", " : "", extent < 0 ? "any" : std::to_string(extent));
  }
  if (fits) return;
  throw input_error(name_, concat("has shape ", view_.shape().to_string()),
                    concat(meaning, " = [", extents, "]"));
}

std::vector<float> TensorArgument::floats() const {
  const DType type = view_.dtype();
  if (!kernels::is_feature_type(type) && type != DType::f64)
    throw input_error(name_, concat("has type ", kernels::name(type)), "f32, f16, bf16 or f64");
  std::vector<float> values(static_cast<std::size_t>(view_.shape().element_count()));
  stream::convert_to_f32(view_, values);
  return values;
}

std::vector<double> TensorArgument::doubles() const {
  if (view_.dtype() == DType::f64) {
    const auto values = view_.as<double>();
    return {values.begin(), values.end()};
  }
  const auto values = floats();
  return {values.begin(), values.end()};
}

std::vector<std::int64_t> TensorArgument::integers() const {
  if (view_.dtype() == DType::i64) {
    const auto values = view_.as<std::int64_t>();
    return {values.begin(), values.end()};
  }
  if (view_.dtype() != DType::i32)
    throw input_error(name_, concat("has type ", kernels::name(view_.dtype())), "i32 or i64");
  const auto values = view_.as<std::int32_t>();
  return {values.begin(), values.end()};
}

std::vector<std::int32_t> TensorArgument::small_integers() const {
  std::vector<std::int32_t> small;
  for (const std::int64_t value : integers()) {
    if (value < std::numeric_limits<std::int32_t>::min() ||
        value > std::numeric_limits<std::int32_t>::max())
      throw input_error(name_, concat(value), "numbers below 2^31");
    small.push_back(static_cast<std::int32_t>(value));
  }
  return small;
}

}  // namespace sluice::python
