// Stands in for CUDA's header of this name: conversions between binary16 and f32.
#pragma once

#include "kernels/float16.h"

// NOLINTBEGIN: the names are CUDA's
using __half = sluice::kernels::Half;

inline __half __ushort_as_half(unsigned short bits) {
  return {bits};
}
inline float __half2float(__half value) {
  return sluice::kernels::to_float(value);
}
// NOLINTEND
