#include "apps/report/image_scale.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/error.h"

namespace sluice::report {
namespace {

/// The source pixels [first, last) that a new pixel covers: at least one.
struct Cover {
  int first = 0, last = 0;
};

std::vector<Cover> cover(int from, int to) {
  std::vector<Cover> covers(static_cast<std::size_t>(to));
  for (int i = 0; i < to; ++i) {
    const auto first = static_cast<int>(static_cast<std::int64_t>(i) * from / to);
    const auto last = static_cast<int>(static_cast<std::int64_t>(i + 1) * from / to);
    covers[static_cast<std::size_t>(i)] = {first, std::max(last, first + 1)};
  }
  return covers;
}

void average(const stream::Image& image, Cover columns, Cover rows, std::uint8_t* out) {
  std::array<std::uint32_t, 3> sum{};
  for (int y = rows.first; y < rows.last; ++y) {
    const std::uint8_t* pixel = image.pixel(columns.first, y);
    for (int x = columns.first; x < columns.last; ++x, pixel += 3) {
      for (std::size_t c = 0; c < 3; ++c) sum[c] += pixel[c];
    }
  }
  const auto area =
      static_cast<std::uint32_t>((columns.last - columns.first) * (rows.last - rows.first));
  for (std::size_t c = 0; c < 3; ++c) {
    out[c] = static_cast<std::uint8_t>((sum[c] + area / 2) / area);
  }
}

}  // namespace

stream::Image scaled(const stream::Image& image, int width, int height) {
  if (image.empty() || width <= 0 || height <= 0) {
    throw input_error("scaling a picture",
                      concat("from ", image.width, "×", image.height, " to ", width, "×", height),
                      "sizes of at least one pixel");
  }
  stream::Image result;
  result.resize(width, height);
  const std::vector<Cover> columns = cover(image.width, width);
  const std::vector<Cover> rows = cover(image.height, height);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      average(image, columns[static_cast<std::size_t>(x)], rows[static_cast<std::size_t>(y)],
              result.pixel(x, y));
    }
  }
  return result;
}

stream::Image shrunk_to_width(const stream::Image& image, int max_width) {
  if (image.width <= max_width) return image;
  const double scale = static_cast<double>(max_width) / image.width;
  const int height = std::max(1, static_cast<int>(std::lround(image.height * scale)));
  return scaled(image, max_width, height);
}

}  // namespace sluice::report
