// The kernels for AVX2. Headers come first: what they define inline must stay runnable anywhere.
#include <immintrin.h>

#include <cstring>

#include "kernels/cpu/row_kernels.h"

#pragma GCC push_options
#pragma GCC target("avx2,fma")
#define SLUICE_ROW_KERNELS avx2_row_kernels
#define SLUICE_VECTOR_BYTES 32
#include "kernels/cpu/row_kernels.inl"
#pragma GCC pop_options
