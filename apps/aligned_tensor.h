// Tensors of a mapped file, where they lie if possible.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/tensor.h"
#include "stream/safetensors.h"

namespace sluice::apps {

/// The tensor where it lies in the file, or an aligned copy of it in `copy`.
inline kernels::TensorView aligned(const stream::SafetensorsView& file, std::string_view name,
                                   kernels::Tensor& copy) {
  const kernels::TensorView view = file.view(name);
  if (reinterpret_cast<std::uintptr_t>(view.data()) % item_size(view.dtype()) == 0) return view;
  copy = file.tensor(name);
  return copy;
}

}  // namespace sluice::apps
