// A point cloud as plain numbers.
#pragma once

#include <cstdint>
#include <vector>

namespace sluice::stream {

/// n points. Coordinates may be NaN or infinite: sensors write such points where they saw nothing.
struct PointCloud {
  std::vector<float> xyz;         ///< [n,3] metres
  std::vector<std::uint8_t> rgb;  ///< [n,3]; empty if the cloud has no colours

  [[nodiscard]] std::int64_t size() const noexcept {
    return static_cast<std::int64_t>(xyz.size() / 3);
  }
};

}  // namespace sluice::stream
