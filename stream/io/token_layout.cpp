#include "stream/io/token_layout.h"

#include <algorithm>
#include <string>
#include <type_traits>
#include <vector>

#include "kernels/error.h"

namespace sluice::stream {
namespace {

std::int64_t product(const Grid& grid) noexcept {
  return std::int64_t{grid.rows} * grid.cols;
}

std::string to_string(const Grid& grid) {
  return concat(grid.rows, ',', grid.cols);
}

/// The grids that square patches of some size make of the picture, with `fewest` to `most` of them.
std::vector<Grid> patch_grids(int width, int height, std::int64_t fewest, std::int64_t most) {
  std::vector<Grid> grids;
  for (int side = 1; side <= std::min(width, height); ++side) {
    const Grid grid{height / side, width / side};
    const bool is_new = grids.empty() || !(grids.back() == grid);
    if (product(grid) >= fewest && product(grid) <= most && is_new) grids.push_back(grid);
  }
  return grids;
}

TokenLayout map_layout(const kernels::Shape& shape, std::optional<Grid> grid,
                       std::optional<std::int64_t> prefix, std::string_view where) {
  constexpr std::int64_t most_side = 1 << 15;
  if (shape[2] > most_side || shape[3] > most_side)
    throw input_error(where, concat("is ", shape.to_string()),
                      concat("at most ", most_side, " rows and columns"));
  const Grid own{static_cast<std::int32_t>(shape[2]), static_cast<std::int32_t>(shape[3])};
  if (grid && !(*grid == own))
    throw input_error("--grid", to_string(*grid),
                      concat(to_string(own), ": ", where, " is ", shape.to_string()));
  if (prefix.value_or(0) != 0)
    throw input_error("--encoder-prefix", std::to_string(*prefix),
                      concat("0: ", where, " is ", shape.to_string()));
  return {own, 0, shape[1], true};
}

Grid deduce_grid(std::int64_t tokens, int width, int height, std::optional<std::int64_t> prefix,
                 std::string_view where) {
  const std::int64_t least = prefix.value_or(0);
  const std::int64_t most = prefix.value_or(most_deduced_prefix);
  const auto grids = patch_grids(width, height, tokens - most, tokens - least);
  if (grids.size() == 1) return grids.front();
  const std::string picture = concat(tokens, " tokens of a picture of ", width, "x", height);
  if (grids.empty())
    throw input_error(where, concat(picture, " are no grid of square patches"),
                      prefix ? "another --encoder-prefix, or --grid"
                             : "--grid, or --encoder-prefix: up to 8 tokens over are taken for "
                               "class and register tokens");
  std::string choices;
  for (const Grid& grid : grids)
    choices +=
        concat(choices.empty() ? "" : " or ", tokens - product(grid), " (", to_string(grid), ')');
  throw input_error(where, concat(picture, " can be several grids"),
                    concat("--encoder-prefix ", choices));
}

template <typename T>
void add_rows(const T* values, const AttentionLayout& layout, std::vector<double>& sums) {
  for (std::int64_t row = 0; row < layout.rows; ++row, values += layout.keys)
    for (std::size_t i = 0; i < sums.size(); ++i) {
      const T value = values[layout.prefix + static_cast<std::int64_t>(i)];
      if constexpr (std::is_same_v<T, float>)
        sums[i] += static_cast<double>(value);
      else
        sums[i] += static_cast<double>(kernels::to_float(value));
    }
}

}  // namespace

TokenLayout deduce_layout(const kernels::Shape& shape, int picture_width, int picture_height,
                          std::optional<Grid> grid, std::optional<std::int64_t> prefix,
                          std::string_view where) {
  const bool has_rank = shape.rank() == 3 || shape.rank() == 4;
  if (!has_rank || shape.element_count() == 0)
    throw input_error(where, concat("is ", shape.to_string()),
                      "[N, tokens, D] or [N, D, rows, columns]");
  if (shape.rank() == 4) return map_layout(shape, grid, prefix, where);
  const std::int64_t tokens = shape[1];
  if (!grid) grid = deduce_grid(tokens, picture_width, picture_height, prefix, where);
  const std::int64_t over = tokens - product(*grid);
  // A grid of another resolution would pass for one with very many class tokens.
  if (over < 0 || over != prefix.value_or(std::min(over, most_deduced_prefix)))
    throw input_error(
        "--grid",
        concat(to_string(*grid), " for the ", tokens, " tokens of ", where,
               prefix ? concat(" with a prefix of ", *prefix) : std::string()),
        "rows and columns that multiply to the tokens behind the prefix (--encoder-prefix)");
  return {*grid, over, shape[2], false};
}

AttentionLayout attention_layout(const kernels::Shape& shape, const TokenLayout& features,
                                 std::string_view where) {
  const std::int64_t all = features.positions() + features.prefix;
  const std::size_t rank = shape.rank();
  const std::int64_t keys = rank > 0 ? shape[rank - 1] : 0;
  const std::int64_t over = keys - features.positions();
  // A map has lost the class and register tokens that the layers before it had.
  const bool has_keys = over == 0 || over == features.prefix ||
                        (features.is_map && over > 0 && over <= most_deduced_prefix);
  const bool is_square = rank == 2 || (rank > 2 && shape[rank - 2] == keys);
  if (rank < 2 || rank > 4 || !has_keys || !is_square || shape.element_count() == 0)
    throw input_error(where, concat("is ", shape.to_string()),
                      concat("[N, heads, T, T], [N, T, T] or [N, T] with T = ", all,
                             ", or --encoder-attention none"));
  AttentionLayout layout;
  for (std::size_t axis = 1; axis + 1 < rank; ++axis) layout.rows *= shape[axis];
  layout.keys = keys;
  layout.prefix = over;
  return layout;
}

void attention_received(const kernels::TensorView& attention, const AttentionLayout& layout,
                        std::span<float> received) {
  std::vector<double> sums(received.size());
  switch (attention.dtype()) {
    case kernels::DType::f16:
      add_rows(static_cast<const kernels::Half*>(attention.data()), layout, sums);
      break;
    case kernels::DType::bf16:
      add_rows(static_cast<const kernels::Bfloat16*>(attention.data()), layout, sums);
      break;
    default: add_rows(static_cast<const float*>(attention.data()), layout, sums);
  }
  for (std::size_t i = 0; i < sums.size(); ++i)
    received[i] = static_cast<float>(sums[i] / static_cast<double>(layout.rows));
}

}  // namespace sluice::stream
