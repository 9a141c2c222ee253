// Tensors out of blobs that somebody else wrote: with the right type and shape, or an error.
#pragma once

#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stream/safetensors.h"

namespace sluice::stream {

/// What errors about the tensor `name` call it.
[[nodiscard]] std::string tensor_place(const SafetensorsView& blob, std::string_view name);

/// The tensor, which must have this type and shape; an extent of -1 may be anything.
[[nodiscard]] kernels::TensorView require_tensor(const SafetensorsView& blob, std::string_view name,
                                                 kernels::DType dtype,
                                                 std::initializer_list<std::int64_t> shape);

/// The same for f32, f16, bf16 and f64.
[[nodiscard]] kernels::TensorView require_floats(const SafetensorsView& blob, std::string_view name,
                                                 std::initializer_list<std::int64_t> shape);

/// Features: f32, f16 or bf16 of this shape.
[[nodiscard]] kernels::TensorView require_features(const SafetensorsView& blob,
                                                   std::string_view name,
                                                   std::initializer_list<std::int64_t> shape);

/// Copies, because data in a blob need not be aligned.
template <typename T>
[[nodiscard]] std::vector<T> to_vector(const kernels::TensorView& tensor) {
  std::vector<T> values(static_cast<std::size_t>(tensor.shape().element_count()));
  if (!values.empty()) std::memcpy(values.data(), tensor.data(), values.size() * sizeof(T));
  return values;
}

/// Converts contiguous f32, f16, bf16 or f64 elements, aligned or not; `out` holds as many.
void convert_to_f32(const kernels::TensorView& floats, std::span<float> out);

}  // namespace sluice::stream
