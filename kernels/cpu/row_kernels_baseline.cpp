// The kernels for whatever the compiler targets by default (SSE2 on x86-64).
#include "kernels/cpu/row_kernels.h"

#define SLUICE_ROW_KERNELS baseline_row_kernels
#define SLUICE_VECTOR_BYTES 16
#include "kernels/cpu/row_kernels.inl"
