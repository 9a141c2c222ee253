// The product of matrix_product.h for one instruction set. Included once per set by
// matrix_product.cpp, each time in a namespace of its own, with SLUICE_VECTOR_FLOATS floats to a
// vector and SLUICE_TILE_ROWS rows at a time (as many as there are registers for).

using Vector = float __attribute__((vector_size(SLUICE_VECTOR_FLOATS * sizeof(float))));
constexpr std::int64_t vector_floats = SLUICE_VECTOR_FLOATS;
constexpr std::int64_t tile_columns = 2 * vector_floats;
static_assert(PackedMatrix::panel % tile_columns == 0);

/// out [tile,tile_columns] = a [tile,inner] · b [inner,tile_columns], b's rows a panel apart.
template <std::int64_t tile>
inline void multiply_tile(const float* a, std::int64_t a_stride, const float* b, std::int64_t inner,
                          float* out, std::int64_t out_stride) {
  Vector sum[std::size_t{tile}][2] = {};
  for (std::int64_t d = 0; d < inner; ++d) {
    Vector left, right;
    __builtin_memcpy(&left, b + d * PackedMatrix::panel, sizeof left);
    __builtin_memcpy(&right, b + d * PackedMatrix::panel + vector_floats, sizeof right);
#pragma GCC unroll 8
    for (std::int64_t i = 0; i < tile; ++i) {
      sum[i][0] += a[i * a_stride + d] * left;
      sum[i][1] += a[i * a_stride + d] * right;
    }
  }
#pragma GCC unroll 8
  for (std::int64_t i = 0; i < tile; ++i)
    __builtin_memcpy(out + i * out_stride, sum[i], sizeof sum[i]);
}

/// The same for the last columns, of which only `columns` are wanted.
template <std::int64_t tile>
inline void multiply_edge(const float* a, std::int64_t a_stride, const float* b, std::int64_t inner,
                          std::int64_t columns, float* out, std::int64_t out_stride) {
  float whole[std::size_t{tile * tile_columns}];
  multiply_tile<tile>(a, a_stride, b, inner, whole, tile_columns);
  for (std::int64_t i = 0; i < tile; ++i)
    for (std::int64_t j = 0; j < columns; ++j)
      out[i * out_stride + j] = whole[i * tile_columns + j];
}

template <std::int64_t tile>
void multiply_rows(const float* a, std::int64_t a_stride, const PackedMatrix& b, std::int64_t inner,
                   std::int64_t columns, float* out, std::int64_t out_stride) {
  for (std::int64_t j = 0; j < columns; j += tile_columns) {
    const float* tile_of_b = b.panel_data(j / PackedMatrix::panel) + j % PackedMatrix::panel;
    if (j + tile_columns <= columns)
      multiply_tile<tile>(a, a_stride, tile_of_b, inner, out + j, out_stride);
    else
      multiply_edge<tile>(a, a_stride, tile_of_b, inner, columns - j, out + j, out_stride);
  }
}

void multiply(const Rows& a, const PackedMatrix& b, std::int64_t inner, std::int64_t columns,
              float* out, std::int64_t out_stride) {
  std::int64_t i = 0;
  for (; i + SLUICE_TILE_ROWS <= a.count; i += SLUICE_TILE_ROWS)
    multiply_rows<SLUICE_TILE_ROWS>(a.data + i * a.stride, a.stride, b, inner, columns,
                                    out + i * out_stride, out_stride);
  for (; i < a.count; ++i)
    multiply_rows<1>(a.data + i * a.stride, a.stride, b, inner, columns, out + i * out_stride,
                     out_stride);
}
