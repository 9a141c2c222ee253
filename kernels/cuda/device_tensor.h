// A tensor in the memory of a CUDA device.
#pragma once

#include "kernels/cuda/device_memory.h"
#include "kernels/cuda/stream_resources.h"
#include "kernels/tensor.h"

namespace sluice::kernels::cuda {

/// kernels::Tensor for a device: keeps its memory when reshaped, and moves cheaply. Throws
/// sluice::Error (kind system) where CUDA fails.
class DeviceTensor {
 public:
  explicit DeviceTensor(int device = 0) noexcept : memory_(device) {}

  /// Changes type and shape; allocates, and waits for the device, only when the memory doesn't
  /// suffice. The contents are unspecified afterwards.
  void reshape(DType dtype, const Shape& shape);
  /// Lets go of memory on any other device; undefined then until reshape().
  void move_to(int device);

  [[nodiscard]] TensorView view() const noexcept {
    return {memory_.as<void>(), dtype_, shape_, {Device::Kind::cuda, memory_.device()}};
  }
  operator TensorView() const noexcept { return view(); }  // NOLINT: a tensor is a view
  [[nodiscard]] bool defined() const noexcept { return shape_.rank() != 0; }
  [[nodiscard]] void* data() noexcept { return memory_.as<void>(); }
  [[nodiscard]] std::int64_t size(std::size_t axis) const noexcept { return shape_[axis]; }

 private:
  DeviceMemory memory_;
  DType dtype_ = DType::f32;
  Shape shape_;
};

/// Copies of a contiguous tensor, from host to device and back; they return when they are done.
void upload(StreamResources& resources, const TensorView& host, DeviceTensor& target);
void download(StreamResources& resources, const TensorView& device, Tensor& target);

/// Throws sluice::Error (kind input), naming `where`, unless the tensor is contiguous and lies on
/// the resources' device.
void require_on_device(const StreamResources& resources, const TensorView& tensor,
                       std::string_view where);

}  // namespace sluice::kernels::cuda
