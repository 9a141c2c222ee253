// Voxel pooling: points and features on the device, each voxel's mean feature there, too.
#include <cstddef>
#include <cstring>
#include <span>

#include "bench/cuda/benchmarks.h"
#include "bench/cuda/inputs.h"
#include "kernels/cuda/device_tensor.h"
#include "kernels/cuda/voxel_pool.h"
#include "kernels/voxel_pool.h"

namespace sluice::bench {
namespace {

using kernels::DType;
using kernels::Tensor;
using kernels::TensorView;
using kernels::cuda::DeviceTensor;

constexpr std::int64_t points = room_views * room_patches;

Record pool(Context& context, const TensorView& features, const Tensor& places, Record record) {
  kernels::VoxelGroups groups;
  kernels::group_by_voxel(context.host, places.as<float>(), room_voxel_size, groups);
  Tensor expected;
  kernels::pool_groups(context.host, features, groups, expected);

  DeviceTensor xyz, rows, pooled;
  kernels::cuda::upload(context.device, places, xyz);
  kernels::cuda::upload(context.device, features, rows);
  pooled.reshape(features.dtype(), {points, room_width});
  kernels::cuda::VoxelPool voxels(context.device.device());
  std::int64_t count = 0;
  record.what = "voxel pooling";
  measure_wall(context, record.wall, [&] {
    count = voxels.group(xyz, room_voxel_size);
    voxels.pool(rows, pooled.data());
  });
  record.bytes =
      static_cast<double>(features.byte_size() + places.byte_size() + expected.byte_size());
  record.kept = count;
  Tensor found;
  kernels::cuda::download(context.device, pooled, found);
  record.same_as_cpu =
      count == groups.size() &&
      std::memcmp(found.view().data(), expected.view().data(), expected.byte_size()) == 0;
  return record;
}

}  // namespace

void run_voxels(Context& context, std::vector<Record>& records) {
  const Tensor planted =
      planted_video(context.host, {room_views, room_patches, room_width}).features;
  const Tensor places = Tensor::from(std::span<const float>(room_places()), {points, 3});
  Record record;
  record.shape = {room_views, room_patches, room_width};
  record.checksum = checksum(planted);
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
    const Tensor features = in_type(context.host, planted, dtype);
    const TensorView rows(features.data(), dtype, {points, room_width});
    record.dtype = dtype;
    records.push_back(pool(context, rows, places, record));
  }
}

}  // namespace sluice::bench
