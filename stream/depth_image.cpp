#include "stream/depth_image.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "kernels/error.h"
#include "stream/pose.h"

namespace sluice::stream {
namespace {

using kernels::TensorView;

bool is_depth(double metres) noexcept {
  return metres > 0 && std::isfinite(metres);
}

void require_depth_of(const TensorView& depth, const Camera& camera) {
  constexpr std::string_view where = "depth";
  if (depth.rank() != 2 || depth.dtype() != kernels::DType::f32)
    throw input_error(where,
                      concat(kernels::name(depth.dtype()), " of shape ", depth.shape().to_string()),
                      "f32 [H,W]");
  if (depth.size(0) != camera.height || depth.size(1) != camera.width)
    throw input_error(where, concat("an image of ", depth.size(1), "x", depth.size(0), " pixels"),
                      concat(camera.width, "x", camera.height, " as its camera has it"));
}

/// x of the ray through column u at depth 1 (and y of row v, with fy and cy).
std::vector<double> ray_slopes(std::int32_t pixels, double focal_length, double centre) {
  std::vector<double> slopes(static_cast<std::size_t>(pixels));
  for (std::size_t i = 0; i < slopes.size(); ++i)
    slopes[i] = (static_cast<double>(i) - centre) / focal_length;
  return slopes;
}

/// The depth image of one camera, nearest point first.
class DepthBuffer {
 public:
  DepthBuffer(const Camera& camera, std::span<float> metres) : camera_(camera), metres_(metres) {
    std::fill(metres.begin(), metres.end(), 0.0F);
  }

  void add(const Vec3& point) noexcept {
    if (!is_depth(point[2])) return;
    const Intrinsics& k = camera_.intrinsics;
    const double x = std::floor(k.fx * point[0] / point[2] + k.cx + 0.5);
    const double y = std::floor(k.fy * point[1] / point[2] + k.cy + 0.5);
    if (!(x >= 0 && x < camera_.width && y >= 0 && y < camera_.height)) return;
    float& nearest = metres_[static_cast<std::size_t>(y) * static_cast<std::size_t>(camera_.width) +
                             static_cast<std::size_t>(x)];
    const auto metres = static_cast<float>(point[2]);
    if (nearest == 0 || metres < nearest) nearest = metres;
  }

 private:
  const Camera& camera_;
  std::span<float> metres_;
};

}  // namespace

void decode_depth(std::span<const std::uint16_t> raw, const DepthEncoding& encoding,
                  std::span<float> metres) {
  if (!is_depth(encoding.units_per_metre))
    throw input_error("depth encoding", concat(encoding.units_per_metre, " units per metre"),
                      "a positive number");
  if (raw.size() != metres.size())
    throw input_error("depth", concat("room for ", metres.size(), " pixels"),
                      concat(raw.size(), ", as the image has"));
  for (std::size_t i = 0; i < raw.size(); ++i)
    metres[i] = raw[i] == encoding.invalid
                    ? 0.0F
                    : static_cast<float>(static_cast<double>(raw[i]) / encoding.units_per_metre);
}

void clean_depth(std::span<float> metres) noexcept {
  for (float& value : metres)
    if (!is_depth(value)) value = 0;
}

Camera resized(const Camera& camera, std::int32_t width, std::int32_t height) {
  if (camera.width < 1 || camera.height < 1 || width < 1 || height < 1)
    throw input_error("camera",
                      concat("pictures of ", camera.width, "x", camera.height,
                             " pixels, resized to ", width, "x", height),
                      "at least one pixel each way");
  if (camera.width == width && camera.height == height) return camera;
  const double sx = static_cast<double>(width) / camera.width;
  const double sy = static_cast<double>(height) / camera.height;
  const Intrinsics& k = camera.intrinsics;
  return {{k.fx * sx, k.fy * sy, (k.cx + 0.5) * sx - 0.5, (k.cy + 0.5) * sy - 0.5}, width, height};
}

void validate(const Camera& camera, std::string_view where) {
  const Intrinsics& k = camera.intrinsics;
  if (camera.width < 1 || camera.height < 1)
    throw input_error(where, concat("pictures of ", camera.width, "x", camera.height, " pixels"),
                      "at least one pixel each way");
  if (!is_depth(k.fx) || !is_depth(k.fy))
    throw input_error(where, concat("focal lengths ", k.fx, " and ", k.fy),
                      "positive numbers of pixels");
  // A crop can put the principal point beside the picture, but not by more than its size.
  const auto is_near = [](double centre, double side) {
    return centre >= -side && centre <= 2 * side;
  };
  if (!is_near(k.cx, camera.width) || !is_near(k.cy, camera.height))
    throw input_error(
        where, concat("principal point (", k.cx, ", ", k.cy, ")"),
        concat("a place in or near pictures of ", camera.width, "x", camera.height, " pixels"));
}

void register_depth(const TensorView& depth, const Camera& camera, const Pose& depth_to_colour,
                    const Camera& target, kernels::Tensor& registered) {
  validate(camera, "depth camera");
  validate(target, "colour camera");
  require_depth_of(depth, camera);
  if (!is_rigid(depth_to_colour))
    throw input_error("depth to colour", "no rigid transform",
                      "a rotation and a translation in metres, last row 0 0 0 1");
  const std::vector<double> x_slopes =
      ray_slopes(camera.width, camera.intrinsics.fx, camera.intrinsics.cx);
  const std::vector<double> y_slopes =
      ray_slopes(camera.height, camera.intrinsics.fy, camera.intrinsics.cy);
  registered.reshape(kernels::DType::f32, {target.height, target.width});
  DepthBuffer buffer(target, registered.as<float>());
  const float* value = depth.as<float>().data();
  for (const double y : y_slopes)
    for (const double x : x_slopes) {
      const double z = *value++;
      if (is_depth(z)) buffer.add(transform(depth_to_colour, {x * z, y * z, z}));
    }
}

}  // namespace sluice::stream
