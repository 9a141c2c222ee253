#include "kernels/cuda/device_tensor.h"

#include "kernels/error.h"

namespace sluice::kernels::cuda {

void DeviceTensor::reshape(DType dtype, const Shape& shape) {
  memory_.reserve(static_cast<std::size_t>(shape.element_count()) * item_size(dtype));
  dtype_ = dtype;
  shape_ = shape;
}

void DeviceTensor::move_to(int device) {
  if (memory_.device() != device) *this = DeviceTensor(device);
}

void upload(StreamResources& resources, const TensorView& host, DeviceTensor& target) {
  if (host.device().kind != Device::Kind::cpu || !host.is_contiguous())
    throw input_error("CUDA upload", "a tensor that is strided or not in host memory",
                      "contiguous host memory");
  target.move_to(resources.device());
  target.reshape(host.dtype(), host.shape());
  resources.upload(target.data(), host.data(), host.byte_size());
  resources.wait("CUDA upload");
}

void download(StreamResources& resources, const TensorView& device, Tensor& target) {
  require_on_device(resources, device, "CUDA download");
  target.reshape(device.dtype(), device.shape());
  resources.download(target.data(), device.data(), device.byte_size());
  resources.wait("CUDA download");
}

void require_on_device(const StreamResources& resources, const TensorView& tensor,
                       std::string_view where) {
  if (tensor.device() == Device{Device::Kind::cuda, resources.device()} && tensor.is_contiguous())
    return;
  const char* kind = tensor.device().kind == Device::Kind::cuda ? "on CUDA device " : "on host ";
  throw input_error(
      where,
      concat(tensor.is_contiguous() ? "contiguous, " : "strided, ", kind, tensor.device().index),
      concat("contiguous, on CUDA device ", resources.device()));
}

}  // namespace sluice::kernels::cuda
