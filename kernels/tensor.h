// Tensors: dtype, shape and memory; views that do not own, and owners that reuse their memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "kernels/error.h"
#include "kernels/float16.h"

namespace sluice::kernels {

enum class DType : std::uint8_t { f32, f16, bf16, f64, i32, i64, u8, boolean };

/// Bytes of one element.
[[nodiscard]] std::size_t item_size(DType dtype) noexcept;
/// Lower-case name as used in messages: "f32", "bf16", "bool" …
[[nodiscard]] std::string_view name(DType dtype) noexcept;
[[nodiscard]] constexpr bool is_feature_type(DType dtype) noexcept {
  return dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16;
}

template <typename T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::f32;
};
template <>
struct DTypeOf<Half> {
  static constexpr DType value = DType::f16;
};
template <>
struct DTypeOf<Bfloat16> {
  static constexpr DType value = DType::bf16;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::f64;
};
template <>
struct DTypeOf<std::int32_t> {
  static constexpr DType value = DType::i32;
};
template <>
struct DTypeOf<std::int64_t> {
  static constexpr DType value = DType::i64;
};
template <>
struct DTypeOf<std::uint8_t> {
  static constexpr DType value = DType::u8;
};
template <>
struct DTypeOf<bool> {
  static constexpr DType value = DType::boolean;
};

/// Where the elements live. `index` is the device ordinal for CUDA.
struct Device {
  enum class Kind : std::uint8_t { cpu, cuda };
  Kind kind = Kind::cpu;
  int index = 0;
  friend bool operator==(const Device&, const Device&) = default;
};

/// Up to eight extents, held in place so that a view never allocates.
class Shape {
 public:
  static constexpr std::size_t max_rank = 8;

  Shape() = default;
  Shape(std::initializer_list<std::int64_t> extents)
      : Shape(std::span(extents.begin(), extents.size())) {}
  /// Throws sluice::Error on a rank above 8, a negative extent or an element count over 2^59.
  explicit Shape(std::span<const std::int64_t> extents);

  [[nodiscard]] std::size_t rank() const noexcept { return rank_; }
  [[nodiscard]] std::int64_t operator[](std::size_t axis) const noexcept { return extents_[axis]; }
  [[nodiscard]] std::int64_t element_count() const noexcept;
  [[nodiscard]] std::span<const std::int64_t> extents() const noexcept {
    return {extents_.data(), rank_};
  }
  /// "[32, 196, 1152]"
  [[nodiscard]] std::string to_string() const;
  friend bool operator==(const Shape& a, const Shape& b) noexcept;

 private:
  std::array<std::int64_t, max_rank> extents_{};
  std::size_t rank_ = 0;
};

/// A read-only window on elements that somebody else owns. Strides count elements.
class TensorView {
 public:
  TensorView() = default;
  /// A contiguous, row-major view.
  TensorView(const void* data, DType dtype, const Shape& shape, Device device = {}) noexcept;
  TensorView(const void* data, DType dtype, const Shape& shape,
             std::span<const std::int64_t> strides, Device device = {});

  [[nodiscard]] bool empty() const noexcept { return shape_.element_count() == 0; }
  /// False for a default-constructed view: "this optional tensor was not given".
  [[nodiscard]] bool defined() const noexcept { return shape_.rank() != 0 || data_ != nullptr; }
  [[nodiscard]] DType dtype() const noexcept { return dtype_; }
  [[nodiscard]] const Shape& shape() const noexcept { return shape_; }
  [[nodiscard]] std::int64_t size(std::size_t axis) const noexcept { return shape_[axis]; }
  [[nodiscard]] std::size_t rank() const noexcept { return shape_.rank(); }
  [[nodiscard]] std::int64_t stride(std::size_t axis) const noexcept { return strides_[axis]; }
  [[nodiscard]] Device device() const noexcept { return device_; }
  [[nodiscard]] const void* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t byte_size() const noexcept;
  [[nodiscard]] bool is_contiguous() const noexcept;

  /// All elements, as T. Throws sluice::Error unless contiguous, on the CPU and of type T.
  template <typename T>
  [[nodiscard]] std::span<const T> as() const {
    require_host(DTypeOf<T>::value);
    return {static_cast<const T*>(data_), static_cast<std::size_t>(shape_.element_count())};
  }

  /// Address of the `index`-th slice along the first axis: of a row of features [S,D].
  [[nodiscard]] const std::byte* row(std::int64_t index) const noexcept {
    return static_cast<const std::byte*>(data_) +
           static_cast<std::size_t>(index * strides_[0]) * item_size(dtype_);
  }

  /// The view at `index` along the first axis, one rank lower: features [F,S,D] → frame [S,D].
  [[nodiscard]] TensorView operator[](std::int64_t index) const noexcept;

 protected:
  void require_host(DType wanted) const;

  const void* data_ = nullptr;
  DType dtype_ = DType::f32;
  Shape shape_;
  std::array<std::int64_t, Shape::max_rank> strides_{};
  Device device_;
};

/// Host memory that is aligned to 64 bytes, keeps its capacity when reshaped, and moves cheaply.
///
/// First touch of fresh pages is several times slower than reading them, so whoever works in a loop
/// keeps its tensors and calls `reshape`.
///
/// Or memory of somebody else's, lent for reading (`borrow`): such a tensor can be read, moved,
/// truncated and cloned like any other, but not written. To write, `reshape` it or assign to it:
/// it lets go of what it borrowed and takes memory of its own.
class Tensor {
 public:
  Tensor() = default;
  Tensor(DType dtype, const Shape& shape) { reshape(dtype, shape); }
  /// A copy of the contiguous host view.
  explicit Tensor(const TensorView& source);
  template <typename T>
  [[nodiscard]] static Tensor from(std::span<const T> values, const Shape& shape) {
    return Tensor(TensorView(values.data(), DTypeOf<T>::value, shape));
  }

  /// The elements of `source` without a copy, aligned as they happen to be. `owner` keeps them
  /// alive; it is let go of when the tensor is destroyed, assigned to or reshaped, on whichever
  /// thread that is. Without an owner, the caller sees to it that they outlive the tensor. Whoever
  /// changes them changes the tensor. Throws sluice::Error unless they are contiguous host memory.
  [[nodiscard]] static Tensor borrow(const TensorView& source,
                                     std::shared_ptr<const void> owner = {});
  [[nodiscard]] bool is_borrowed() const noexcept { return borrowed_ != nullptr; }

  Tensor(Tensor&&) noexcept = default;
  Tensor& operator=(Tensor&&) noexcept = default;
  Tensor(const Tensor&) = delete;
  Tensor& operator=(const Tensor&) = delete;
  [[nodiscard]] Tensor clone() const { return Tensor(view()); }

  /// Changes type and shape; allocates only when the capacity does not suffice. The contents are
  /// unspecified afterwards.
  void reshape(DType dtype, const Shape& shape);
  /// Shortens the first axis to `rows`, keeping the contents.
  void truncate(std::int64_t rows);
  /// `source` may be this tensor's own view: what was borrowed then becomes its own.
  void copy_from(const TensorView& source);

  [[nodiscard]] TensorView view() const noexcept { return {data(), dtype_, shape_}; }
  operator TensorView() const noexcept { return view(); }  // NOLINT: a tensor is a view
  [[nodiscard]] bool defined() const noexcept { return shape_.rank() != 0; }
  [[nodiscard]] DType dtype() const noexcept { return dtype_; }
  [[nodiscard]] const Shape& shape() const noexcept { return shape_; }
  [[nodiscard]] std::int64_t size(std::size_t axis) const noexcept { return shape_[axis]; }
  [[nodiscard]] std::size_t byte_size() const noexcept { return view().byte_size(); }
  [[nodiscard]] const void* data() const noexcept {
    return borrowed_ ? borrowed_.get() : memory_.get();
  }
  /// To write. Throws sluice::Error if the memory is borrowed: a copy that nobody asked for would
  /// allocate in the middle of a loop, and leave earlier views behind.
  [[nodiscard]] void* data() {
    require_own();
    return memory_.get();
  }

  template <typename T>
  [[nodiscard]] std::span<const T> as() const {
    return view().as<T>();
  }
  /// To write. Throws like data(), too.
  template <typename T>
  [[nodiscard]] std::span<T> as() {
    require_own();
    const auto values = view().as<T>();
    return {const_cast<T*>(values.data()), values.size()};
  }

 private:
  struct Free {
    void operator()(std::byte* memory) const noexcept;
  };
  void require_own() const;

  std::unique_ptr<std::byte[], Free> memory_;
  std::shared_ptr<const std::byte> borrowed_;  // shares the owner; if set, memory_ is empty
  std::size_t capacity_ = 0;
  DType dtype_ = DType::f32;
  Shape shape_;
};

}  // namespace sluice::kernels
