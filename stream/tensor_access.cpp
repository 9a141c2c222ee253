#include "stream/tensor_access.h"

#include "kernels/error.h"
#include "stream/json.h"

namespace sluice::stream {
namespace {

using kernels::DType;

/// "[F,196]" for people: -1 is printed as "any".
std::string describe(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (axis > 0) text += ", ";
    text += shape[axis] < 0 ? "any" : std::to_string(shape[axis]);
  }
  return text + "]";
}

bool matches(const kernels::Shape& actual, std::span<const std::int64_t> wanted) {
  if (actual.rank() != wanted.size()) return false;
  for (std::size_t axis = 0; axis < wanted.size(); ++axis)
    if (wanted[axis] >= 0 && actual[axis] != wanted[axis]) return false;
  return true;
}

kernels::TensorView require(const SafetensorsView& blob, std::string_view name,
                            std::initializer_list<std::int64_t> shape,
                            std::initializer_list<DType> dtypes) {
  const kernels::TensorView tensor = blob.view(name);
  bool fits = matches(tensor.shape(), shape);
  bool has_type = false;
  std::string names;
  for (const DType dtype : dtypes) {
    has_type |= tensor.dtype() == dtype;
    names += (names.empty() ? "" : ", ") + std::string(kernels::name(dtype));
  }
  if (!fits || !has_type)
    throw input_error(tensor_place(blob, name),
                      concat("is ", kernels::name(tensor.dtype()), " ", tensor.shape().to_string()),
                      concat(dtypes.size() > 1 ? "one of " : "", names, ", ", describe(shape)));
  return tensor;
}

template <typename T>
void convert(const kernels::TensorView& tensor, std::span<float> out) {
  const auto* bytes = static_cast<const std::byte*>(tensor.data());
  for (std::size_t i = 0; i < out.size(); ++i) {
    T value;
    std::memcpy(&value, bytes + i * sizeof(T), sizeof(T));
    if constexpr (std::is_arithmetic_v<T>)
      out[i] = static_cast<float>(value);
    else
      out[i] = kernels::to_float(value);
  }
}

}  // namespace

std::string tensor_place(const SafetensorsView& blob, std::string_view name) {
  return concat(blob.where(), ", tensor ", in_quotes(name));
}

kernels::TensorView require_tensor(const SafetensorsView& blob, std::string_view name, DType dtype,
                                   std::initializer_list<std::int64_t> shape) {
  return require(blob, name, shape, {dtype});
}

kernels::TensorView require_floats(const SafetensorsView& blob, std::string_view name,
                                   std::initializer_list<std::int64_t> shape) {
  return require(blob, name, shape, {DType::f32, DType::f16, DType::bf16, DType::f64});
}

kernels::TensorView require_features(const SafetensorsView& blob, std::string_view name,
                                     std::initializer_list<std::int64_t> shape) {
  return require(blob, name, shape, {DType::f32, DType::f16, DType::bf16});
}

void convert_to_f32(const kernels::TensorView& floats, std::span<float> out) {
  switch (floats.dtype()) {
    case DType::f32: return convert<float>(floats, out);
    case DType::f16: return convert<kernels::Half>(floats, out);
    case DType::bf16: return convert<kernels::Bfloat16>(floats, out);
    case DType::f64: return convert<double>(floats, out);
    default: throw input_error("tensor", concat("has type ", name(floats.dtype())), "floats");
  }
}

}  // namespace sluice::stream
