// Brings the depth images of a data set into the view of its colour camera.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kernels/tensor.h"
#include "stream/depth_image.h"
#include "stream/io/rgbd_index.h"

namespace sluice::stream {

struct PictureSize {
  int width = 0;
  int height = 0;
  friend bool operator==(const PictureSize&, const PictureSize&) = default;
};

/// Without a depth camera and extrinsics of its own, a depth image shows what the colour picture
/// shows, whatever its size. With either, each of its points is moved into the colour camera's
/// view, at about the resolution that the depth camera has there: more would tear holes.
class DepthRegistration {
 public:
  /// Cameras whose picture size the data set does not say have that of its first frame: `colour`
  /// and `depth`. Throws sluice::Error (kind input), naming the origin of what makes no sense:
  /// no colour camera, focal lengths that can't be pixels, a principal point outside the picture.
  DepthRegistration(const RgbdIndex& index, PictureSize colour, PictureSize depth);

  /// At the size of the first frame's colour picture.
  [[nodiscard]] const Camera& colour_camera() const noexcept { return colour_; }
  /// What looks odd but may be right, one line each.
  [[nodiscard]] const std::vector<std::string>& doubts() const noexcept { return doubts_; }

  /// depth [H,W] f32 metres, of any size → `registered` and its intrinsics. May swap the two.
  void apply(kernels::Tensor& depth, kernels::Tensor& registered, Intrinsics& intrinsics) const;

 private:
  void doubt_shapes(PictureSize depth);

  std::vector<std::string> doubts_;  ///< first: making the cameras adds to it
  Camera colour_;
  std::optional<Camera> depth_;  ///< nothing if depth is registered
  Pose depth_to_colour_;
  Camera target_;  ///< the view that depth is brought into
};

}  // namespace sluice::stream
