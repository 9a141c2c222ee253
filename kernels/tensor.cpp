#include "kernels/tensor.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace sluice::kernels {

std::size_t item_size(DType dtype) noexcept {
  switch (dtype) {
    case DType::f64:
    case DType::i64: return 8;
    case DType::f32:
    case DType::i32: return 4;
    case DType::f16:
    case DType::bf16: return 2;
    case DType::u8:
    case DType::boolean: return 1;
  }
  return 0;
}

std::string_view name(DType dtype) noexcept {
  switch (dtype) {
    case DType::f32: return "f32";
    case DType::f16: return "f16";
    case DType::bf16: return "bf16";
    case DType::f64: return "f64";
    case DType::i32: return "i32";
    case DType::i64: return "i64";
    case DType::u8: return "u8";
    case DType::boolean: return "bool";
  }
  return "?";
}

Shape::Shape(std::span<const std::int64_t> extents) : rank_(extents.size()) {
  if (rank_ > max_rank)
    throw input_error("shape", concat("rank ", rank_), concat("at most ", max_rank));
  std::int64_t count = 1;
  for (std::size_t axis = 0; axis < rank_; ++axis) {
    extents_[axis] = extents[axis];
    if (extents[axis] < 0)
      throw input_error("shape", concat("extent ", extents[axis]), "no negative extent");
    // Bounded even where another extent is 0, so that neither strides nor bytes overflow.
    if (__builtin_mul_overflow(count, std::max<std::int64_t>(extents[axis], 1), &count) ||
        count > (std::int64_t{1} << 59))
      throw input_error("shape", to_string() + " is too large", "at most 2^59 elements");
  }
}

std::int64_t Shape::element_count() const noexcept {
  if (rank_ == 0) return 0;
  std::int64_t count = 1;
  for (const auto extent : extents()) count *= extent;
  return count;
}

std::string Shape::to_string() const {
  std::string text = "[";
  for (std::size_t axis = 0; axis < rank_; ++axis) {
    if (axis > 0) text += ", ";
    text += std::to_string(extents_[axis]);
  }
  return text + "]";
}

bool operator==(const Shape& a, const Shape& b) noexcept {
  if (a.rank_ != b.rank_) return false;
  for (std::size_t axis = 0; axis < a.rank_; ++axis)
    if (a.extents_[axis] != b.extents_[axis]) return false;
  return true;
}

TensorView::TensorView(const void* data, DType dtype, const Shape& shape, Device device) noexcept
    : data_(data), dtype_(dtype), shape_(shape), device_(device) {
  std::int64_t stride = 1;
  for (std::size_t axis = shape.rank(); axis-- > 0;) {
    strides_[axis] = stride;
    stride *= shape[axis];
  }
}

TensorView::TensorView(const void* data, DType dtype, const Shape& shape,
                       std::span<const std::int64_t> strides, Device device)
    : data_(data), dtype_(dtype), shape_(shape), device_(device) {
  if (strides.size() != shape.rank())
    throw input_error("tensor view", concat(strides.size(), " strides"),
                      concat(shape.rank(), ", one per axis"));
  for (std::size_t axis = 0; axis < strides.size(); ++axis) strides_[axis] = strides[axis];
}

std::size_t TensorView::byte_size() const noexcept {
  return static_cast<std::size_t>(shape_.element_count()) * item_size(dtype_);
}

bool TensorView::is_contiguous() const noexcept {
  std::int64_t stride = 1;
  for (std::size_t axis = shape_.rank(); axis-- > 0;) {
    if (shape_[axis] != 1 && strides_[axis] != stride) return false;
    stride *= shape_[axis];
  }
  return true;
}

TensorView TensorView::operator[](std::int64_t index) const noexcept {
  TensorView slice;
  const auto offset = static_cast<std::size_t>(index * strides_[0]) * item_size(dtype_);
  slice.data_ = static_cast<const std::byte*>(data_) + offset;
  slice.dtype_ = dtype_;
  slice.device_ = device_;
  slice.shape_ = Shape(shape_.extents().subspan(1));
  for (std::size_t axis = 1; axis < shape_.rank(); ++axis)
    slice.strides_[axis - 1] = strides_[axis];
  return slice;
}

void TensorView::require_host(DType wanted) const {
  if (device_.kind != Device::Kind::cpu)
    throw input_error("tensor", "is in device memory", "host memory");
  if (dtype_ != wanted)
    throw input_error("tensor", concat("has type ", name(dtype_)), std::string(name(wanted)));
  if (!is_contiguous())
    throw input_error("tensor", "is not contiguous", "row-major elements without gaps");
}

void Tensor::Free::operator()(std::byte* memory) const noexcept {
  std::free(memory);
}

Tensor::Tensor(const TensorView& source) {
  copy_from(source);
}

Tensor Tensor::borrow(const TensorView& source, std::shared_ptr<const void> owner) {
  if (source.device().kind != Device::Kind::cpu || !source.is_contiguous())
    throw input_error("tensor", "cannot be borrowed", "contiguous host memory");
  // Nothing to share, and perhaps no address.
  if (source.empty()) return Tensor(source.dtype(), source.shape());
  Tensor tensor;
  tensor.borrowed_ = {std::move(owner), static_cast<const std::byte*>(source.data())};
  tensor.dtype_ = source.dtype();
  tensor.shape_ = source.shape();
  return tensor;
}

void Tensor::require_own() const {
  if (is_borrowed())
    throw input_error("tensor", "is borrowed, and can only be read",
                      "one with memory of its own: clone(), or reshape() first");
}

void Tensor::copy_from(const TensorView& source) {
  if (source.device().kind != Device::Kind::cpu || !source.is_contiguous())
    throw input_error("tensor", "cannot be copied", "contiguous host memory");
  const auto lent = std::move(borrowed_);  // perhaps what `source` shows
  reshape(source.dtype(), source.shape());
  if (source.byte_size() > 0) std::memcpy(data(), source.data(), source.byte_size());
}

void Tensor::reshape(DType dtype, const Shape& shape) {
  constexpr std::size_t alignment = 64;
  const Shape wanted = shape;  // may be shape_, which is cleared should there be no memory
  borrowed_.reset();
  const std::size_t bytes = static_cast<std::size_t>(shape.element_count()) * item_size(dtype);
  if (bytes > capacity_ || !memory_) {
    const std::size_t rounded = (bytes + alignment) / alignment * alignment;
    memory_.reset();
    capacity_ = 0;
    shape_ = {};
    auto* memory = static_cast<std::byte*>(std::aligned_alloc(alignment, rounded));
    if (memory == nullptr) throw system_error("tensor", concat("no memory for ", bytes, " bytes"));
    memory_.reset(memory);
    capacity_ = rounded;
  }
  dtype_ = dtype;
  shape_ = wanted;
}

void Tensor::truncate(std::int64_t rows) {
  if (shape_.rank() == 0 || rows > shape_[0])
    throw input_error("tensor", concat("cannot be truncated to ", rows, " rows"),
                      concat("at most ", shape_.rank() == 0 ? 0 : shape_[0]));
  std::array<std::int64_t, Shape::max_rank> extents{};
  for (std::size_t axis = 0; axis < shape_.rank(); ++axis) extents[axis] = shape_[axis];
  extents[0] = rows;
  shape_ = Shape(std::span<const std::int64_t>(extents.data(), shape_.rank()));
}

}  // namespace sluice::kernels
