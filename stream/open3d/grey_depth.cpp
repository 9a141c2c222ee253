#include "stream/open3d/grey_depth.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

#include "kernels/error.h"
#include "stream/depth_image.h"

namespace sluice::stream {
namespace {

constexpr std::string_view where = "odometry";

void check(const kernels::TensorView& colour, const kernels::TensorView& depth,
           const Intrinsics& intrinsics) {
  using kernels::DType;
  if (colour.rank() != 3 || colour.size(2) != 3 || colour.dtype() != DType::u8 || colour.empty())
    throw input_error(where, concat("colour ", name(colour.dtype()), colour.shape().to_string()),
                      "[H,W,3] u8");
  if (depth.rank() != 2 || depth.dtype() != DType::f32 || depth.empty())
    throw input_error(where, concat("depth ", name(depth.dtype()), depth.shape().to_string()),
                      "[H,W] f32");
  validate(Camera{intrinsics, static_cast<std::int32_t>(depth.size(1)),
                  static_cast<std::int32_t>(depth.size(0))},
           where);
}

/// The lower median of the valid depths of a block that begins at (row, col); 0 if fewer than
/// `least` are valid.
float median_depth(std::span<const float> depth, std::int64_t row_length, std::int64_t row,
                   std::int64_t col, std::int64_t block, std::size_t least,
                   std::vector<float>& valid) {
  valid.clear();
  for (std::int64_t r = row; r < row + block; ++r)
    for (std::int64_t c = col; c < col + block; ++c) {
      const float metres = depth[static_cast<std::size_t>(r * row_length + c)];
      if (std::isfinite(metres) && metres > 0) valid.push_back(metres);
    }
  if (valid.size() < least) return 0;
  const auto middle = valid.begin() + static_cast<std::ptrdiff_t>((valid.size() - 1) / 2);
  std::nth_element(valid.begin(), middle, valid.end());
  return *middle;
}

/// Gives pixels without depth the median of their neighbours, if most of them have some. Open3D
/// smooths over 3×3 pixels and loses all nine to a single hole, again on every level of its
/// pyramid.
void fill_pinholes(GreyDepthImage& image, std::vector<float>& valid) {
  constexpr std::size_t most_neighbours = 5;
  const std::vector<float> holes = image.depth;
  for (std::int64_t r = 1; r + 1 < image.height; ++r)
    for (std::int64_t c = 1; c + 1 < image.width; ++c) {
      float& metres = image.depth[static_cast<std::size_t>(r * image.width + c)];
      if (metres == 0)
        metres = median_depth(holes, image.width, r - 1, c - 1, 3, most_neighbours, valid);
    }
}

/// Mean brightness of the colour pixels in rows [top,bottom) and columns [left,right).
float mean_grey(std::span<const std::uint8_t> rgb, std::int64_t row_length, std::int64_t top,
                std::int64_t bottom, std::int64_t left, std::int64_t right) {
  std::int64_t sum = 0;
  for (std::int64_t r = top; r < bottom; ++r)
    for (std::int64_t c = left; c < right; ++c) {
      const auto pixel = rgb.subspan(static_cast<std::size_t>(3 * (r * row_length + c)), 3);
      sum += 77 * pixel[0] + 150 * pixel[1] + 29 * pixel[2];  // Rec. 601, times 256
    }
  const auto pixels = static_cast<double>((bottom - top) * (right - left));
  return static_cast<float>(static_cast<double>(sum) / (pixels * 256 * 255));
}

}  // namespace

GreyDepthImage grey_depth_image(const kernels::TensorView& colour, const kernels::TensorView& depth,
                                const Intrinsics& intrinsics, int max_width) {
  check(colour, depth, intrinsics);
  const std::int64_t depth_width = depth.size(1), colour_width = colour.size(1);
  const std::int64_t block =
      std::clamp<std::int64_t>((depth_width + max_width - 1) / max_width, 1, depth.size(0));
  GreyDepthImage image;
  image.width = static_cast<std::int32_t>(depth_width / block);
  image.height = static_cast<std::int32_t>(depth.size(0) / block);
  // Pixel i of the reduced image has its centre at block·i + (block − 1)/2.
  const auto scale = static_cast<double>(block);
  const double shift = (scale - 1) / 2;
  image.intrinsics = {intrinsics.fx / scale, intrinsics.fy / scale, (intrinsics.cx - shift) / scale,
                      (intrinsics.cy - shift) / scale};
  const auto pixels =
      static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height);
  image.grey.reserve(pixels);
  image.depth.reserve(pixels);

  const auto metres = depth.as<float>();
  const auto rgb = colour.as<std::uint8_t>();
  std::vector<float> valid;
  // The edges of a reduced pixel, in colour pixels; at least one of them wide.
  const auto edge = [](std::int64_t depth_edge, std::int64_t depth_size, std::int64_t colour_size) {
    return depth_edge * colour_size / depth_size;
  };
  for (std::int64_t r = 0; r < image.height; ++r) {
    const std::int64_t top = edge(r * block, depth.size(0), colour.size(0));
    const std::int64_t bottom =
        std::max(top + 1, edge((r + 1) * block, depth.size(0), colour.size(0)));
    for (std::int64_t c = 0; c < image.width; ++c) {
      const std::int64_t left = edge(c * block, depth_width, colour_width);
      const std::int64_t right =
          std::max(left + 1, edge((c + 1) * block, depth_width, colour_width));
      image.depth.push_back(
          median_depth(metres, depth_width, r * block, c * block, block, 1, valid));
      image.grey.push_back(mean_grey(rgb, colour_width, top, bottom, left, right));
    }
  }
  fill_pinholes(image, valid);
  return image;
}

}  // namespace sluice::stream
