// Tensors of any framework as views, without a copy.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <vector>

#include "kernels/tensor.h"

namespace sluice::python {

/// An argument that speaks DLPack or the buffer protocol. Its memory is held as long as this lives;
/// to be made and destroyed with the GIL.
class TensorArgument {
 public:
  /// None becomes a view that is not defined. Throws sluice::Error naming `argument` for anything
  /// that is no tensor in contiguous memory of `device`, or of a type that the engine doesn't have.
  TensorArgument(nanobind::handle value, const char* argument, kernels::Device device = {});

  [[nodiscard]] bool given() const noexcept { return view_.defined(); }
  [[nodiscard]] const kernels::TensorView& view() const noexcept { return view_; }
  [[nodiscard]] const char* name() const noexcept { return name_; }
  /// For kernels::Tensor::borrow: keeps the memory as long as this or any copy of it lives. Needs
  /// the GIL; may be let go of without, on any thread.
  [[nodiscard]] std::shared_ptr<const void> owner() const;
  /// The view as a tensor that holds the memory.
  [[nodiscard]] kernels::Tensor borrowed() const;

  /// Throws unless the shape is this one; −1 may be anything. `meaning` says what it stands for,
  /// like "[frames, positions]".
  void require_shape(std::initializer_list<std::int64_t> shape, const char* meaning) const;
  /// f32, f16, bf16 or f64 elements in f32.
  [[nodiscard]] std::vector<float> floats() const;
  /// The same in f64.
  [[nodiscard]] std::vector<double> doubles() const;
  /// i32 or i64 elements.
  [[nodiscard]] std::vector<std::int64_t> integers() const;
  /// The same, each of them within i32.
  [[nodiscard]] std::vector<std::int32_t> small_integers() const;

 private:
  nanobind::ndarray<nanobind::ro> array_;
  kernels::TensorView view_;
  const char* name_;
};

}  // namespace sluice::python
