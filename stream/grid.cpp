#include "stream/grid.h"

#include <charconv>
#include <limits>

#include "kernels/error.h"
#include "stream/json.h"

namespace sluice::stream {

Grid parse_grid(std::string_view text, std::string_view where) {
  Grid grid;
  const char* const end = text.data() + text.size();
  const auto rows = std::from_chars(text.data(), end, grid.rows);
  const bool has_comma = rows.ec == std::errc{} && rows.ptr != end && *rows.ptr == ',';
  const auto cols = std::from_chars(has_comma ? rows.ptr + 1 : end, end, grid.cols);
  if (!has_comma || cols.ec != std::errc{} || cols.ptr != end || grid.rows < 1 || grid.cols < 1)
    throw input_error(where, concat("grid ", in_quotes(text)), "rows,columns, such as 14,14");
  if (std::int64_t{grid.rows} * grid.cols > std::numeric_limits<std::int32_t>::max())
    throw input_error(where, concat("grid ", in_quotes(text)), "fewer than 2^31 positions");
  return grid;
}

Grid squarest_grid(std::int32_t positions) noexcept {
  Grid grid{1, positions};
  for (std::int32_t rows = 2; std::int64_t{rows} * rows <= positions; ++rows)
    if (positions % rows == 0) grid = {rows, positions / rows};
  return grid;
}

}  // namespace sluice::stream
