// Where the spatial tokens lie in a model's input.
#pragma once

#include <cstdint>

namespace sluice::spatial3d {

/// One contiguous span of spatial tokens: what is before it counts as system, what is behind it as
/// text, whatever it is.
struct TokenLayout {
  std::int64_t system = 0;
  std::int64_t spatial = 0;
  std::int64_t text = 0;

  [[nodiscard]] std::int64_t total() const noexcept { return system + spatial + text; }
  friend bool operator==(const TokenLayout&, const TokenLayout&) = default;
};

/// The example of the published code: a room seen by LLaVA-3D.
inline constexpr TokenLayout published_layout{37, 1659, 24};

}  // namespace sluice::spatial3d
