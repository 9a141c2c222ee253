// What odometry compares: a grey image and its depth, reduced to few pixels.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/tensor.h"
#include "stream/open3d/backend.h"
#include "stream/source.h"

namespace sluice::stream {

struct GreyDepthImage {
  std::int32_t width = 0, height = 0;
  std::vector<float> grey;   ///< [height,width] 0 … 1
  std::vector<float> depth;  ///< [height,width] metres; 0: none
  Intrinsics intrinsics;     ///< in these pixels

  [[nodiscard]] DepthView view() const noexcept {
    return {width, height, grey.data(), depth.data()};
  }
};

/// colour [H,W,3] u8 and depth [h,w] f32 of the same picture; their sizes may differ. The depth
/// image is reduced by a whole factor until it is at most `max_width` wide: each pixel is the
/// median of its valid ones, so that no depth arises between two surfaces; then pinholes are
/// filled. Brightness is the mean over the same place. Throws sluice::Error (kind input) for other
/// shapes and impossible intrinsics.
[[nodiscard]] GreyDepthImage grey_depth_image(const kernels::TensorView& colour,
                                              const kernels::TensorView& depth,
                                              const Intrinsics& intrinsics, int max_width);

}  // namespace sluice::stream
