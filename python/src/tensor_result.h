// The engine's memory as tensors that any framework can take over, without a copy.
#pragma once

#include <nanobind/nanobind.h>

#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

#include "kernels/tensor.h"

namespace sluice::python {

/// A tensor that speaks DLPack and, on the host, the buffer protocol. `owner` lives at least as
/// long as it does. On a device, nothing may still be writing it: consumers don't wait.
[[nodiscard]] nanobind::object tensor_of(kernels::TensorView view, nanobind::handle owner);

/// Takes over `value`, and lets Python destroy it.
template <typename T>
[[nodiscard]] nanobind::capsule keep(T&& value) {
  using Value = std::remove_cvref_t<T>;
  auto held = std::make_unique<Value>(std::forward<T>(value));
  return nanobind::capsule(held.release(),
                           [](void* memory) noexcept { delete static_cast<Value*>(memory); });
}

[[nodiscard]] nanobind::object tensor_result(kernels::Tensor&& tensor);

/// The shape's product must be the number of values.
template <typename T>
[[nodiscard]] nanobind::object tensor_result(std::vector<T>&& values,
                                             std::initializer_list<std::int64_t> shape) {
  const auto owner = keep(std::move(values));
  const auto& held = *static_cast<const std::vector<T>*>(owner.data());
  return tensor_of({held.data(), kernels::DTypeOf<T>::value, kernels::Shape(shape)}, owner);
}

template <typename T>
[[nodiscard]] nanobind::object tensor_result(std::vector<T>&& values) {
  const auto size = std::ssize(values);
  return tensor_result(std::move(values), {size});
}

}  // namespace sluice::python
