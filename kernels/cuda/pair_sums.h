// Σ over the columns of each pair of rows, in f64: squared distances, or dot products. The bits are
// those of kernels/cpu/row_kernels.h, whose f64 sums decide close calls there; here they are all
// there is: no f32 Gram matrix narrows down the candidates, so cuBLAS isn't needed. The devices
// meant add f64 at half the rate of f32. Included by .cu files only.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernels/cuda/block_operations.h"
#include "kernels/cuda/row_sums.h"

namespace sluice::kernels::cuda {

struct SquaredDifference {
  __device__ double operator()(double a, double b) const { return (a - b) * (a - b); }
};
struct Product {
  __device__ double operator()(double a, double b) const { return a * b; }
};

/// Rows that are compared with each other, among several such groups. Offsets accumulate over them.
struct PairGroup {
  std::int64_t first_row;    ///< of the packed rows
  std::int64_t first_entry;  ///< of the packed [n,n] matrices of sums
  std::int64_t first_tile;
  std::int32_t rows;
};

inline constexpr int tile_rows = 4;

/// Tiles on and below the diagonal of a group's matrix.
[[nodiscard]] constexpr std::int64_t tiles_of(std::int64_t rows) {
  const std::int64_t side = (rows + tile_rows - 1) / tile_rows;
  return side * (side + 1) / 2;
}

/// One warp per tile of 4×4 pairs: eight elements are loaded and widened for sixteen terms, and the
/// sixteen sums stay in registers. The matrix is symmetric, as (a−b)² and a·b are: a tile below the
/// diagonal is also written above it. row_index: null, or which row of `rows` each is.
template <typename Term, typename T>
__global__ void __launch_bounds__(128)
    pair_sums(const T* rows, const std::int32_t* row_index, int width, const PairGroup* groups,
              std::int32_t group_count, std::int64_t tiles, double* sums) {
  const std::int64_t tile = warp_of_grid();
  if (tile >= tiles) return;
  const PairGroup& group = group_of(groups, group_count, &PairGroup::first_tile, tile);
  const std::int64_t local = tile - group.first_tile;
  // local = row·(row+1)/2 + column, column ≤ row; the root may be off by rounding.
  auto tile_row =
      static_cast<std::int64_t>((sqrt(8.0 * static_cast<double>(local) + 1.0) - 1.0) / 2.0);
  while ((tile_row + 1) * (tile_row + 2) / 2 <= local) ++tile_row;
  while (tile_row * (tile_row + 1) / 2 > local) --tile_row;
  const std::int64_t tile_column = local - tile_row * (tile_row + 1) / 2;

  const T* a[tile_rows];
  const T* b[tile_rows];
  const auto row = [&](std::int64_t i) {
    // Past the end: any row; its sums are not written.
    const std::int64_t at = group.first_row + (i < group.rows ? i : group.rows - 1);
    return rows + (row_index == nullptr ? at : row_index[at]) * width;
  };
#pragma unroll
  for (int i = 0; i < tile_rows; ++i) {
    a[i] = row(tile_row * tile_rows + i);
    b[i] = row(tile_column * tile_rows + i);
  }
  double sum[tile_rows][tile_rows] = {};
  const Term term;
  for (int d = lane_of_warp(); d < width; d += warp_size) {
    double x[tile_rows], y[tile_rows];
#pragma unroll
    for (int i = 0; i < tile_rows; ++i) {
      x[i] = static_cast<double>(widen(a[i][d]));
      y[i] = static_cast<double>(widen(b[i][d]));
    }
#pragma unroll
    for (int i = 0; i < tile_rows; ++i)
#pragma unroll
      for (int j = 0; j < tile_rows; ++j) sum[i][j] += term(x[i], y[j]);
  }
  // Every lane learns every total; lane 4i+j keeps that of pair (i, j) to write it.
  double mine = 0;
#pragma unroll
  for (int i = 0; i < tile_rows; ++i)
#pragma unroll
    for (int j = 0; j < tile_rows; ++j) {
      const double total = sum_of_lanes(sum[i][j]);
      if (lane_of_warp() == i * tile_rows + j) mine = total;
    }
  if (lane_of_warp() >= tile_rows * tile_rows) return;
  const std::int64_t i = tile_row * tile_rows + lane_of_warp() / tile_rows;
  const std::int64_t j = tile_column * tile_rows + lane_of_warp() % tile_rows;
  if (i >= group.rows || j >= group.rows) return;
  double* matrix = sums + group.first_entry;
  matrix[i * group.rows + j] = mine;
  matrix[j * group.rows + i] = mine;
}

template <typename Term, typename T>
void launch_pair_sums(StreamResources& resources, std::string_view where, const T* rows,
                      const std::int32_t* row_index, std::int64_t width, const PairGroup* groups,
                      std::int32_t group_count, std::int64_t tiles, double* sums) {
  constexpr int warps_per_block = 4;
  launch(resources, where, &pair_sums<Term, T>,
         {blocks_for(tiles, warps_per_block), warps_per_block * warp_size}, rows, row_index,
         static_cast<int>(width), groups, group_count, tiles, sums);
}

}  // namespace sluice::kernels::cuda
