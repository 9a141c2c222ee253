#include "spatial3d/back_projection.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "kernels/error.h"
#include "stream/depth_image.h"
#include "stream/pose.h"

namespace sluice::spatial3d {
namespace {

/// Four pixels at a time, as many as the oldest instruction set has lanes (compilers split wider
/// vectors badly). Element by element, so that the bits don't depend on the instruction set.
constexpr std::int64_t lanes = 4;
using Floats [[gnu::vector_size(4 * lanes)]] = float;
using Ints [[gnu::vector_size(4 * lanes)]] = std::int32_t;

Floats load(const float* values) {
  Floats loaded;
  std::memcpy(&loaded, values, sizeof loaded);
  return loaded;
}

void store(float* values, Floats stored) {
  std::memcpy(values, &stored, sizeof stored);
}

Ints bits(Floats values) {
  return std::bit_cast<Ints>(values);
}

/// `values` where `mask` is set, else 0.
Floats where(Ints mask, Floats values) {
  return std::bit_cast<Floats>(mask & bits(values));
}

/// Pixel row or column where patch `index` begins: the first whose centre lies in it.
std::int64_t first_pixel(std::int64_t index, std::int64_t pixels, std::int64_t patches) {
  return (2 * index * pixels + patches - 1) / (2 * patches);
}

struct Pixel {
  std::int64_t row = 0, col = 0;
};

/// What all patches of a frame share.
struct Frame {
  Frame(const kernels::TensorView& image, const stream::Intrinsics& camera,
        const BackProjectionOptions& given)
      : height(image.size(0)),
        width(image.size(1)),
        depth(image.as<float>().data()),
        options(given),
        slope_x(static_cast<std::size_t>(width + lanes)),
        slope_y(static_cast<std::size_t>(height)) {
    for (std::int64_t u = 0; u < width; ++u)
      slope_x[static_cast<std::size_t>(u)] =
          static_cast<float>((static_cast<double>(u) - camera.cx) / camera.fx);
    for (std::int64_t v = 0; v < height; ++v)
      slope_y[static_cast<std::size_t>(v)] =
          static_cast<float>((static_cast<double>(v) - camera.cy) / camera.fy);
  }

  [[nodiscard]] bool is_valid(float z) const {
    return z > 0 && z >= options.min_depth && z <= options.max_depth;
  }

  std::int64_t height, width;
  const float* depth;  ///< [height,width]
  const BackProjectionOptions& options;
  std::vector<float> slope_x;  ///< x / z of each pixel column, padded
  std::vector<float> slope_y;  ///< y / z of each pixel row
};

/// The depths of one patch, and the search for the pixel that stands for it.
class PatchSearch {
 public:
  explicit PatchSearch(const Frame& frame) : frame_(frame) {}

  /// The pixel, in the image, of the patch with pixel rows [top,bottom) and columns [left,right).
  std::optional<Pixel> find(std::int64_t top, std::int64_t bottom, std::int64_t left,
                            std::int64_t right) {
    top_ = top;
    left_ = left;
    rows_ = bottom - top;
    load_depths(right - left);
    const auto pixels = static_cast<double>(rows_ * (right - left));
    if (valid_ == 0 || valid_ < frame_.options.min_valid_share * pixels) return std::nullopt;
    const float median = median_depth();
    const float band =
        std::max(frame_.options.surface_band, frame_.options.relative_surface_band * median);
    near_ = std::max(median - band, smallest_depth);
    far_ = median + band;
    return nearest_to(surface_mean());
  }

 private:
  struct Point {
    float x = 0, y = 0, z = 0;
  };
  /// Of depths, as bits: they are not negative, so their bits order as they do.
  struct Range {
    std::int32_t low = 0, high = 0;
  };

  /// Copies the patch, with 0 for what is not valid.
  void load_depths(std::int64_t cols) {
    stride_ = (cols + lanes - 1) / lanes * lanes;
    depth_.assign(static_cast<std::size_t>(rows_ * stride_), 0);
    for (std::int64_t r = 0; r < rows_; ++r)
      std::copy_n(frame_.depth + (top_ + r) * frame_.width + left_, cols,
                  depth_.data() + r * stride_);
    const float least = std::max(frame_.options.min_depth, smallest_depth);
    const float most = frame_.options.max_depth;
    constexpr std::int32_t greatest = std::numeric_limits<std::int32_t>::max();
    Ints valid{}, high{}, low = Ints{} + greatest;
    for (std::size_t i = 0; i < depth_.size(); i += lanes) {
      Floats z = load(&depth_[i]);
      const Ints inside = (z >= least) & (z <= most);
      z = where(inside, z);
      store(&depth_[i], z);
      valid -= inside;
      high = bits(z) > high ? bits(z) : high;
      const Ints candidate = bits(z) | (~inside & greatest);
      low = candidate < low ? candidate : low;
    }
    range_ = across(low, high);
    valid_ = 0;
    for (std::int64_t lane = 0; lane < lanes; ++lane) valid_ += valid[lane];
  }

  /// The lower median of the valid depths, cut to 12 significant bits: finer than any sensor, and
  /// soon found by bisection. Counting is a loop without branches, unlike partitioning.
  [[nodiscard]] float median_depth() const {
    constexpr int cut = 12;
    const auto invalid = static_cast<std::int32_t>(depth_.size()) - valid_;  // sorted before others
    const std::int32_t rank = invalid + (valid_ - 1) / 2;
    std::int32_t low = range_.low >> cut, high = range_.high >> cut;
    while (low < high) {
      const std::int32_t middle = low + (high - low + 1) / 2;
      if (count_below(middle << cut) <= rank)
        low = middle;
      else
        high = middle - 1;
    }
    return std::bit_cast<float>(low << cut);
  }

  [[nodiscard]] std::int32_t count_below(std::int32_t pivot) const {
    Ints below{};
    for (std::size_t i = 0; i < depth_.size(); i += lanes)
      below -= bits(load(&depth_[i])) < Ints{} + pivot;
    std::int32_t count = 0;
    for (std::int64_t lane = 0; lane < lanes; ++lane) count += below[lane];
    return count;
  }

  static Range across(Ints low, Ints high) {
    Range range{low[0], high[0]};
    for (std::int64_t lane = 1; lane < lanes; ++lane)
      range = {std::min(range.low, std::int32_t{low[lane]}),
               std::max(range.high, std::int32_t{high[lane]})};
    return range;
  }

  /// The mean of the points near the median, in the camera's frame.
  Point surface_mean() const {
    double x = 0, y = 0, z = 0;
    std::int64_t points = 0;
    for (std::int64_t c = 0; c < stride_; c += lanes) {
      Floats sum_z{}, sum_y{};
      Ints count{};
      for (std::int64_t r = 0; r < rows_; ++r) {
        const Floats depth = load(depth_.data() + r * stride_ + c);
        const Ints on_surface = (depth >= near_) & (depth <= far_);
        const Floats surface = where(on_surface, depth);
        sum_z += surface;
        sum_y += surface * frame_.slope_y[static_cast<std::size_t>(top_ + r)];
        count -= on_surface;
      }
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        x += double{sum_z[lane]} * frame_.slope_x[static_cast<std::size_t>(left_ + c + lane)];
        y += double{sum_y[lane]};
        z += double{sum_z[lane]};
        points += count[lane];
      }
    }
    const auto n = static_cast<double>(points);
    return {static_cast<float>(x / n), static_cast<float>(y / n), static_cast<float>(z / n)};
  }

  /// The point of the surface that is nearest to `mean`, the first of several.
  [[nodiscard]] Pixel nearest_to(const Point& mean) const {
    constexpr std::int32_t far_away = std::numeric_limits<std::int32_t>::max();
    Ints least = Ints{} + far_away, index_of_least{}, index{};
    for (std::int32_t lane = 0; lane < lanes; ++lane) index[lane] = lane;
    for (std::int64_t r = 0; r < rows_; ++r)
      for (std::int64_t c = 0; c < stride_; c += lanes, index += lanes) {
        const Floats z = load(depth_.data() + r * stride_ + c);
        const Floats dx = load(frame_.slope_x.data() + left_ + c) * z - mean.x;
        const Floats dy = frame_.slope_y[static_cast<std::size_t>(top_ + r)] * z - mean.y;
        const Floats dz = z - mean.z;
        const Ints on_surface = (z >= near_) & (z <= far_);
        // Squares are not negative, so their bits order as they do.
        const Ints squared = bits(dx * dx + dy * dy + dz * dz);
        const Ints distance = on_surface ? squared & far_away : Ints{} + far_away;
        const Ints nearer = distance < least;
        least = nearer ? distance : least;
        index_of_least = nearer ? index : index_of_least;
      }
    auto best = std::pair(least[0], index_of_least[0]);
    for (std::int64_t lane = 1; lane < lanes; ++lane)
      best = std::min(best, std::pair(least[lane], index_of_least[lane]));
    return {top_ + best.second / stride_, left_ + best.second % stride_};
  }

  static constexpr float smallest_depth = std::numeric_limits<float>::min();  // 0 is no depth

  const Frame& frame_;
  std::int64_t top_ = 0, left_ = 0, rows_ = 0, stride_ = 0;
  std::int32_t valid_ = 0;    // number of valid depths
  Range range_;               // of them
  float near_ = 0, far_ = 0;  // the surface's depths
  std::vector<float> depth_;  // [rows,stride]
};

std::optional<Pixel> top_left_pixel(const Frame& frame, const stream::Grid& grid, std::int64_t row,
                                    std::int64_t col) {
  const Pixel pixel{row * frame.height / grid.rows, col * frame.width / grid.cols};
  if (!frame.is_valid(frame.depth[pixel.row * frame.width + pixel.col])) return std::nullopt;
  return pixel;
}

void check(const BackProjectionOptions& options) {
  if (!(options.min_depth >= 0) || !(options.max_depth > options.min_depth) ||
      !std::isfinite(options.max_depth))
    throw input_error("depth range",
                      concat(options.min_depth, " to ", options.max_depth, " metres"),
                      "0 ≤ least < most, finite");
  if (!(options.min_valid_share >= 0 && options.min_valid_share <= 1))
    throw input_error("min_valid_share", concat(options.min_valid_share), "0 to 1");
  // The median is known to 12 bits, and the band must contain it.
  if (!(options.surface_band >= 0) || !std::isfinite(options.surface_band) ||
      !(options.relative_surface_band >= 0.001F && options.relative_surface_band <= 1))
    throw input_error("surface band",
                      concat(options.surface_band, " m, share ", options.relative_surface_band),
                      "0 m or more, and a share from 0.001 to 1");
}

void check(const kernels::TensorView& depth, const stream::Intrinsics& intrinsics,
           const stream::Pose& pose, const stream::Grid& grid) {
  if (depth.rank() != 2 || depth.dtype() != kernels::DType::f32)
    throw input_error("depth", concat("is ", name(depth.dtype()), " ", depth.shape().to_string()),
                      "f32 [H,W], metres");
  if (grid.rows < 1 || grid.cols < 1 || grid.rows > depth.size(0) || grid.cols > depth.size(1))
    throw input_error("grid", concat(grid.rows, " x ", grid.cols, " patches"),
                      concat("at least one, and no more than the depth's ", depth.size(0), " x ",
                             depth.size(1), " pixels"));
  stream::validate(stream::Camera{intrinsics, static_cast<std::int32_t>(depth.size(1)),
                                  static_cast<std::int32_t>(depth.size(0))},
                   "intrinsics");
  if (!stream::is_rigid(pose))
    throw input_error("pose", "is not a rotation and a translation",
                      "a rigid 4 x 4 camera-to-world matrix, finite, last row 0 0 0 1");
}

}  // namespace

void back_project(kernels::Resources& resources, const kernels::TensorView& depth,
                  const stream::Intrinsics& intrinsics, const stream::Pose& camera_to_world,
                  const stream::Grid& grid, const BackProjectionOptions& options,
                  std::vector<float>& xyz) {
  check(options);
  check(depth, intrinsics, camera_to_world, grid);
  const Frame frame(depth, intrinsics, options);
  const auto positions = static_cast<std::size_t>(grid.rows) * static_cast<std::size_t>(grid.cols);
  xyz.assign(3 * positions, std::numeric_limits<float>::quiet_NaN());

  const auto place = [&](std::int64_t position, const Pixel& pixel) {
    const auto z = static_cast<double>(frame.depth[pixel.row * frame.width + pixel.col]);
    const stream::Vec3 world = stream::transform(
        camera_to_world, {(static_cast<double>(pixel.col) - intrinsics.cx) * z / intrinsics.fx,
                          (static_cast<double>(pixel.row) - intrinsics.cy) * z / intrinsics.fy, z});
    for (std::size_t axis = 0; axis < 3; ++axis)
      xyz[3 * static_cast<std::size_t>(position) + axis] = static_cast<float>(world[axis]);
  };

  resources.pool().parallel_for(grid.rows, [&](std::int64_t row, int) {
    PatchSearch search(frame);
    const std::int64_t top = first_pixel(row, frame.height, grid.rows);
    const std::int64_t bottom = first_pixel(row + 1, frame.height, grid.rows);
    for (std::int64_t col = 0; col < grid.cols; ++col) {
      const auto pixel = options.position == PatchPosition::top_left
                             ? top_left_pixel(frame, grid, row, col)
                             : search.find(top, bottom, first_pixel(col, frame.width, grid.cols),
                                           first_pixel(col + 1, frame.width, grid.cols));
      if (pixel) place(row * grid.cols + col, *pixel);
    }
  });
}

}  // namespace sluice::spatial3d
