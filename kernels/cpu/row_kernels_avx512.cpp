// The kernels for AVX-512. Headers come first: what they define inline must stay runnable anywhere.
#include <immintrin.h>

#include <cstring>

#include "kernels/cpu/row_kernels.h"

#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c,prefer-vector-width=512")
#define SLUICE_ROW_KERNELS avx512_row_kernels
#define SLUICE_VECTOR_BYTES 64
#include "kernels/cpu/row_kernels.inl"
#pragma GCC pop_options
