// Points evenly spaced among more of them.
#pragma once

#include <cstdint>

namespace sluice::policy {

/// The i-th of `count` indices below `size`, each in the middle of its share:
/// ⌊(2i+1)·size / (2·count)⌋. Different and ascending for count ≤ size.
[[nodiscard]] constexpr std::int64_t evenly_spaced(std::int64_t i, std::int64_t count,
                                                   std::int64_t size) noexcept {
  return (2 * i + 1) * size / (2 * count);
}

}  // namespace sluice::policy
