#include "bench/cuda/inputs.h"

#include <algorithm>
#include <cstddef>
#include <span>

#include "kernels/float16.h"

namespace sluice::bench {
namespace {

using kernels::DType;

template <typename T, typename Round>
void convert(kernels::Resources& resources, std::span<const float> from, std::span<T> to,
             Round&& round) {
  constexpr std::size_t piece = std::size_t{1} << 16;
  const auto pieces = static_cast<std::int64_t>((from.size() + piece - 1) / piece);
  resources.pool().parallel_for(pieces, [&](std::int64_t index, int) {
    const std::size_t begin = static_cast<std::size_t>(index) * piece;
    const std::size_t end = std::min(begin + piece, from.size());
    for (std::size_t i = begin; i < end; ++i) to[i] = round(from[i]);
  });
}

/// In [0, 1), 24 bits.
float jitter(std::int64_t index) {
  const auto bits = static_cast<std::uint32_t>(static_cast<std::uint64_t>(index) * 2654435761U);
  return static_cast<float>(bits >> 8) * 0x1p-24F;
}

}  // namespace

kernels::Tensor in_type(kernels::Resources& resources, const kernels::TensorView& values,
                        DType dtype) {
  kernels::Tensor result(dtype, values.shape());
  const auto from = values.as<float>();
  if (dtype == DType::f32)
    convert(resources, from, result.as<float>(), [](float x) { return x; });
  else if (dtype == DType::f16)
    convert(resources, from, result.as<kernels::Half>(), kernels::to_half);
  else
    convert(resources, from, result.as<kernels::Bfloat16>(), kernels::to_bfloat16);
  return result;
}

std::vector<float> room_places() {
  std::vector<float> xyz;
  for (std::int64_t i = 0; i < room_views * room_patches; ++i) {
    const auto view = static_cast<float>(i / room_patches);
    const auto row = static_cast<float>(i % room_patches / room_side);
    const auto column = static_cast<float>(i % room_side);
    float along = 1.1F * view + 3.2F / 24 * (column + jitter(i));
    while (along >= 22) along -= 22;
    const float depth = 0.04F * jitter(3 * i + 1);  // of what hangs on the walls
    if (along < 6)
      xyz.insert(xyz.end(), {along, depth});
    else if (along < 11)
      xyz.insert(xyz.end(), {6 - depth, along - 6});
    else if (along < 17)
      xyz.insert(xyz.end(), {17 - along, 5 - depth});
    else
      xyz.insert(xyz.end(), {depth, 22 - along});
    xyz.push_back(2.7F / 24 * (row + jitter(3 * i + 2)));
  }
  return xyz;
}

}  // namespace sluice::bench
