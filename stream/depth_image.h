// Raw depth images to metres, and from the depth camera to the colour camera.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "kernels/tensor.h"
#include "stream/source.h"

namespace sluice::stream {

struct DepthEncoding {
  double units_per_metre = 1000;  ///< TUM RGB-D: 5000; Matterport: 4000
  /// Besides 0. Kinect drivers write 65535 where they measured nothing.
  std::uint16_t invalid = 65535;
};

/// raw [H,W] → metres [H,W] f32; 0 where there is no depth.
void decode_depth(std::span<const std::uint16_t> raw, const DepthEncoding& encoding,
                  std::span<float> metres);

/// Replaces NaN, infinite and negative depths by 0.
void clean_depth(std::span<float> metres) noexcept;

/// A pinhole camera with the size of its pictures.
struct Camera {
  Intrinsics intrinsics;
  std::int32_t width = 0, height = 0;
};

/// The same camera with pictures of another size. Pixel centres are at whole numbers.
[[nodiscard]] Camera resized(const Camera& camera, std::int32_t width, std::int32_t height);

/// Throws sluice::Error, naming `where`: focal lengths that are not positive and finite, a
/// principal point far outside the picture, an empty picture.
void validate(const Camera& camera, std::string_view where);

/// The depth image as the colour camera would see it, with the pixels of `target`: each measured
/// point is moved by `depth_to_colour` and projected; where several meet, the nearest stays.
/// depth [H,W] of `camera` → registered [target.height, target.width].
void register_depth(const kernels::TensorView& depth, const Camera& camera,
                    const Pose& depth_to_colour, const Camera& target, kernels::Tensor& registered);

}  // namespace sluice::stream
