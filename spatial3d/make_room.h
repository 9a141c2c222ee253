// Capacity ahead of use.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sluice::spatial3d {

/// Capacity for `count` elements. Grows at least by half, where reserve() alone would grow by just
/// what is asked for and copy everything each time.
template <typename T>
void make_room(std::vector<T>& vector, std::int64_t count) {
  const auto wanted = static_cast<std::size_t>(count);
  if (wanted > vector.capacity())
    vector.reserve(std::max(wanted, vector.capacity() + vector.capacity() / 2));
}

}  // namespace sluice::spatial3d
