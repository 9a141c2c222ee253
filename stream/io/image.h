// An 8-bit RGB picture in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sluice::stream {

struct Image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;  ///< [height, width, 3], row-major, no padding

  [[nodiscard]] bool empty() const noexcept { return rgb.empty(); }
  void resize(int new_width, int new_height) {
    width = new_width;
    height = new_height;
    rgb.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  }
  [[nodiscard]] std::uint8_t* pixel(int x, int y) noexcept {
    return rgb.data() + (static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                         static_cast<std::size_t>(x)) *
                            3;
  }
  [[nodiscard]] const std::uint8_t* pixel(int x, int y) const noexcept {
    return const_cast<Image*>(this)->pixel(x, y);
  }
};

}  // namespace sluice::stream
