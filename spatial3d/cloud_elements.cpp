#include "spatial3d/cloud_elements.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

#include "kernels/error.h"
#include "kernels/voxel_pool.h"
#include "spatial3d/cloud_descriptor.h"
#include "spatial3d/voxel_neighbours.h"
#include "stream/pose.h"

namespace sluice::spatial3d {
namespace {

void check(const kernels::TensorView& points, const kernels::TensorView& colours,
           const stream::Pose& sensor_to_world) {
  using kernels::DType;
  if (points.rank() != 2 || points.size(1) != 3 || points.dtype() != DType::f32)
    throw input_error("points", concat(name(points.dtype()), " ", points.shape().to_string()),
                      "[n,3] f32");
  if (points.size(0) > std::numeric_limits<std::int32_t>::max())
    throw input_error("points", concat(points.size(0), " points"), "fewer than 2^31");
  if (colours.defined() && (colours.shape() != points.shape() || colours.dtype() != DType::u8))
    throw input_error("colours", concat(name(colours.dtype()), " ", colours.shape().to_string()),
                      concat(points.shape().to_string(), " u8, as many as points"));
  if (!stream::is_rigid(sensor_to_world))
    throw input_error("sensor_to_world", "is no rigid transform", "a rotation and a translation");
}

/// [n,3] in the world; NaN for points that are not finite.
std::vector<float> to_world(std::span<const float> points, const stream::Pose& sensor_to_world) {
  std::vector<float> world(points.size());
  for (std::size_t i = 0; i + 2 < points.size(); i += 3) {
    const stream::Vec3 moved =
        stream::transform(sensor_to_world, {points[i], points[i + 1], points[i + 2]});
    for (std::size_t axis = 0; axis < 3; ++axis) world[i + axis] = static_cast<float>(moved[axis]);
  }
  return world;
}

stream::Vec3 centre_of(kernels::VoxelKey key, double voxel_size) {
  const kernels::VoxelIndex index = kernels::unpack(key);
  return {index.x * voxel_size, index.y * voxel_size, index.z * voxel_size};
}

/// What is summed up per voxel; positions relative to its centre, members ascending.
ElementSums sum_up(std::span<const std::int32_t> members, std::span<const float> world,
                   std::span<const std::uint8_t> colours, const stream::Vec3& centre) {
  ElementSums sums;
  for (const std::int32_t member : members) {
    const auto at = 3 * static_cast<std::size_t>(member);
    sums.spread.add({world[at] - centre[0], world[at + 1] - centre[1], world[at + 2] - centre[2]});
    if (!colours.empty()) sums.colour.add(&colours[at]);
  }
  return sums;
}

/// The spread of a voxel's points and those of the 26 voxels around it.
SpreadSum spread_around(std::span<const kernels::VoxelKey> keys, std::size_t row,
                        std::span<const ElementSums> sums, double voxel_size) {
  SpreadSum around;
  const kernels::VoxelIndex centre = kernels::unpack(keys[row]);
  for_each_neighbour(keys, centre, 1, [&](std::size_t neighbour) {
    const kernels::VoxelIndex other = kernels::unpack(keys[neighbour]);
    around.add(sums[neighbour].spread,
               {(other.x - centre.x) * voxel_size, (other.y - centre.y) * voxel_size,
                (other.z - centre.z) * voxel_size});
  });
  return around;
}

}  // namespace

void cloud_elements(kernels::Resources& resources, const kernels::TensorView& points,
                    const kernels::TensorView& colours, const stream::Pose& sensor_to_world,
                    float voxel_size, CloudElements& elements) {
  check(points, colours, sensor_to_world);
  const std::vector<float> world = to_world(points.as<float>(), sensor_to_world);
  const auto rgb = colours.defined() ? colours.as<std::uint8_t>() : std::span<const std::uint8_t>();
  kernels::VoxelGroups groups;
  kernels::group_by_voxel(resources, world, voxel_size, groups);
  kernels::mean_positions(world, groups, elements.xyz);

  const std::int64_t voxels = groups.size();
  elements.features.reshape(kernels::DType::f32, {voxels, cloud_feature_width});
  elements.points.resize(static_cast<std::size_t>(voxels));
  std::vector<ElementSums> sums(static_cast<std::size_t>(voxels));
  // A voxel is too little work to hand out by itself.
  constexpr std::int64_t per_task = 256;
  const auto for_each_voxel = [&](auto&& body) {
    resources.pool().parallel_for((voxels + per_task - 1) / per_task, [&](std::int64_t task, int) {
      const std::int64_t end = std::min(voxels, (task + 1) * per_task);
      for (std::int64_t v = task * per_task; v < end; ++v) body(static_cast<std::size_t>(v));
    });
  };
  for_each_voxel([&](std::size_t v) {
    const auto first = static_cast<std::size_t>(groups.first[v]);
    const auto count = static_cast<std::size_t>(groups.first[v + 1]) - first;
    elements.points[v] = static_cast<std::int64_t>(count);
    sums[v] = sum_up(std::span(groups.member).subspan(first, count), world, rgb,
                     centre_of(groups.key[v], voxel_size));
  });
  const auto features = elements.features.as<float>();
  for_each_voxel([&](std::size_t v) {
    const SpreadSum around = spread_around(groups.key, v, sums, voxel_size);
    describe_element(sums[v], around,
                     features.subspan(v * cloud_feature_width).first<cloud_feature_width>());
  });
}

}  // namespace sluice::spatial3d
