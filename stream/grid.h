// The rows and columns of a source's tokens.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::stream {

struct Grid {
  std::int32_t rows = 0;
  std::int32_t cols = 0;
  friend bool operator==(const Grid&, const Grid&) = default;
};

/// "14,14" → 14 rows of 14. Throws sluice::Error, naming `where`, unless both are at least 1 and
/// their product is below 2^31.
[[nodiscard]] Grid parse_grid(std::string_view text, std::string_view where);

/// The squarest exact factorisation of `positions` ≥ 1, with rows ≤ cols: 196 → 14×14, 169 → 13×13,
/// 12 → 3×4, 7 → 1×7.
[[nodiscard]] Grid squarest_grid(std::int32_t positions) noexcept;

}  // namespace sluice::stream
