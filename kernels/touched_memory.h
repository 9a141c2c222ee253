// Memory for a loop that must not be surprised: taken and touched before it starts.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace sluice::kernels {

/// Room for `size` values whose first use costs neither an allocation nor a page fault. What is in
/// there stays.
template <typename T>
void reserve_touched(std::vector<T>& values, std::size_t size) {
  const std::size_t now = values.size();
  values.resize(std::max(now, size));
  values.resize(now);
}

}  // namespace sluice::kernels
