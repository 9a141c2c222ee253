#include "stream/io/depth_registration.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/error.h"
#include "stream/pose.h"

namespace sluice::stream {
namespace {

std::string pixels(const Camera& camera) {
  return concat(camera.width, "x", camera.height, " pixels");
}

/// Intrinsics that belong to pictures of another size, or to none, show in a few ways.
void require_plausible(const Camera& camera, const std::string& origin) {
  validate(camera, origin);
  const Intrinsics& k = camera.intrinsics;
  if (k.cx < -0.5 || k.cx > camera.width - 0.5 || k.cy < -0.5 || k.cy > camera.height - 0.5)
    throw input_error(origin,
                      concat("principal point (", k.cx, ", ", k.cy,
                             ") lies outside the pictures of ", pixels(camera)),
                      "intrinsics for pictures of this size");
  constexpr double widest_view = 20;  // picture sides per focal length: 169 degrees
  if (k.fx * widest_view < camera.width || k.fy * widest_view < camera.height)
    throw input_error(
        origin, concat("focal lengths ", k.fx, " and ", k.fy, " with pictures of ", pixels(camera)),
        "focal lengths in pixels");
}

bool is_off_centre(const Camera& camera) {
  const Intrinsics& k = camera.intrinsics;
  constexpr double share = 0.2;
  return std::abs(k.cx + 0.5 - 0.5 * camera.width) > share * camera.width ||
         std::abs(k.cy + 0.5 - 0.5 * camera.height) > share * camera.height;
}

/// At the size that its data set says, or else at `size`.
Camera sized(const NamedCamera& named, PictureSize size, std::vector<std::string>& doubts) {
  Camera camera = named.camera;
  if (camera.width == 0) {
    camera.width = size.width;
    camera.height = size.height;
  }
  require_plausible(camera, named.origin);
  if (is_off_centre(camera))
    doubts.push_back(concat(named.origin, ": the principal point (", camera.intrinsics.cx, ", ",
                            camera.intrinsics.cy, ") is far from the middle of pictures of ",
                            pixels(camera), "; are they of another size?"));
  return resized(camera, size.width, size.height);
}

/// The colour camera with pictures small enough that a pixel is no finer than one of `depth`.
Camera at_resolution_of(const Camera& depth, const Camera& colour) {
  const double scale = std::min({1.0, depth.intrinsics.fx / colour.intrinsics.fx,
                                 depth.intrinsics.fy / colour.intrinsics.fy});
  const auto scaled = [scale](std::int32_t side) {
    return std::max(1, static_cast<std::int32_t>(std::lround(side * scale)));
  };
  return resized(colour, scaled(colour.width), scaled(colour.height));
}

const NamedCamera& require_colour_camera(const RgbdIndex& index) {
  if (!index.colour_camera)
    throw input_error(index.folder.string(), "the colour camera's intrinsics are unknown",
                      "a file camera-intrinsics.txt in it (3x3), or intrinsics as an option");
  return *index.colour_camera;
}

}  // namespace

DepthRegistration::DepthRegistration(const RgbdIndex& index, PictureSize colour, PictureSize depth)
    : colour_(sized(require_colour_camera(index), colour, doubts_)),
      depth_to_colour_(index.depth_to_colour.value_or(identity_pose())) {
  if (index.depth_camera) {
    depth_ = sized(*index.depth_camera, depth, doubts_);
  } else if (index.depth_to_colour) {
    depth_ = resized(colour_, depth.width, depth.height);
  } else {
    doubt_shapes(depth);
  }
  if (depth_) target_ = at_resolution_of(*depth_, colour_);
}

void DepthRegistration::doubt_shapes(PictureSize depth) {
  const double ratio = static_cast<double>(depth.width) * colour_.height /
                       (static_cast<double>(depth.height) * colour_.width);
  if (std::abs(ratio - 1) > 0.02)
    doubts_.push_back(concat("depth images of ", depth.width, "x", depth.height,
                             " are taken for the same view as colour pictures of ", colour_.width,
                             "x", colour_.height, ", although their shapes differ"));
}

void DepthRegistration::apply(kernels::Tensor& depth, kernels::Tensor& registered,
                              Intrinsics& intrinsics) const {
  const auto height = static_cast<std::int32_t>(depth.size(0));
  const auto width = static_cast<std::int32_t>(depth.size(1));
  if (depth_) {
    register_depth(depth, resized(*depth_, width, height), depth_to_colour_, target_, registered);
    intrinsics = target_.intrinsics;
  } else {
    std::swap(depth, registered);
    intrinsics = resized(colour_, width, height).intrinsics;
  }
}

}  // namespace sluice::stream
