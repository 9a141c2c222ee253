// A point cloud without pictures gets features from geometry and colour: one element per voxel.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/resources.h"
#include "kernels/tensor.h"
#include "stream/source.h"

namespace sluice::spatial3d {

/// Feature width of a cloud's elements.
inline constexpr std::int64_t cloud_feature_width = 32;

struct CloudElements {
  kernels::Tensor features;  ///< [m,cloud_feature_width] f32
  std::vector<float> xyz;    ///< [m,3] metres in the world: the mean of the element's points
  std::vector<std::int64_t> points;  ///< [m] how many points each stands for
};

/// points [n,3] f32 metres in the sensor's frame, colours [n,3] u8 or undefined. Points that are
/// not finite are ignored. Elements are ordered by voxel key. See cloud_descriptor.h for what the
/// features say. Throws sluice::Error (kind input) for other shapes or types, a pose that is not
/// rigid, or a voxel size that is not positive.
void cloud_elements(kernels::Resources& resources, const kernels::TensorView& points,
                    const kernels::TensorView& colours, const stream::Pose& sensor_to_world,
                    float voxel_size, CloudElements& elements);

}  // namespace sluice::spatial3d
