// Sums over feature rows by the lanes of a warp, bit for bit those of kernels/cpu/row_kernels.h:
// there as here, element i goes to lane i mod 32, each lane adds its products in ascending order,
// and the lanes are added by halves. A warp's 32 lanes are those lanes, and a butterfly of shuffles
// adds them by halves. Needs -fmad=false. Included by .cu files only.
#pragma once

#include <cuda_fp16.h>

#include <cstdint>

#include "kernels/cuda/launch.h"
#include "kernels/float16.h"

namespace sluice::kernels::cuda {

__device__ __forceinline__ float widen(float value) {
  return value;
}
__device__ __forceinline__ float widen(Half value) {
  return __half2float(__ushort_as_half(value.bits));  // one instruction, and exact
}
__device__ __forceinline__ float widen(Bfloat16 value) {
  return to_float(value);
}

__device__ __forceinline__ void narrow(float value, float& stored) {
  stored = value;
}
__device__ __forceinline__ void narrow(float value, Half& stored) {
  stored = to_half(value);
}
__device__ __forceinline__ void narrow(float value, Bfloat16& stored) {
  stored = to_bfloat16(value);
}

/// The sum of all lanes' values, in every lane. Every lane adds the same two numbers at each step,
/// if in another order, so all get the same bits.
template <typename Value>
__device__ __forceinline__ Value sum_of_lanes(Value value) {
#pragma unroll
  for (int half = warp_size / 2; half > 0; half /= 2)
    value += __shfl_xor_sync(all_lanes, value, half);
  return value;
}

struct DotAndSquare {
  float dot, square;
};

/// dot = Σ a·b and square = Σ b·b in f32.
template <typename T>
__device__ __forceinline__ DotAndSquare dot_and_square(const T* a, const T* b, int width) {
  float dot = 0, square = 0;
#pragma unroll 8
  for (int i = lane_of_warp(); i < width; i += warp_size) {
    const float x = widen(a[i]);
    const float y = widen(b[i]);
    dot += x * y;
    square += y * y;
  }
  return {sum_of_lanes(dot), sum_of_lanes(square)};
}

/// Σ a·a in f32.
template <typename T>
__device__ __forceinline__ float square(const T* a, int width) {
  float sum = 0;
#pragma unroll 8
  for (int i = lane_of_warp(); i < width; i += warp_size) {
    const float x = widen(a[i]);
    sum += x * x;
  }
  return sum_of_lanes(sum);
}

/// The referee for close calls: Σ a·b in f64.
template <typename T>
__device__ double dot_f64(const T* a, const T* b, int width) {
  double sum = 0;
  for (int i = lane_of_warp(); i < width; i += warp_size)
    sum += static_cast<double>(widen(a[i])) * static_cast<double>(widen(b[i]));
  return sum_of_lanes(sum);
}

/// Calls body with a null pointer of the elements' type.
template <typename Body>
auto with_feature_type(DType dtype, Body&& body) {
  if (dtype == DType::f16) return body(static_cast<const Half*>(nullptr));
  if (dtype == DType::bf16) return body(static_cast<const Bfloat16*>(nullptr));
  return body(static_cast<const float*>(nullptr));
}

}  // namespace sluice::kernels::cuda
