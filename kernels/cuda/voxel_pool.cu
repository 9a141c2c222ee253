#include "kernels/cuda/voxel_pool.h"

#include <thrust/system/cuda/execution_policy.h>

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "kernels/cuda/device_memory.h"
#include "kernels/error.h"
#include "kernels/float16.h"
#include "kernels/voxel_grouping.inl"

namespace sluice::kernels::cuda {

struct VoxelPool::State {
  explicit State(int device)
      : point_key(device), key(device), first(device), member(device), voxel(device) {}

  DeviceMemory point_key, key, first, member, voxel;
  std::int32_t points = 0;
  GroupingSizes sizes;
};

namespace {

constexpr std::string_view grouping = "voxel grouping on CUDA";
constexpr std::string_view pooling = "voxel pooling on CUDA";
constexpr unsigned threads_per_voxel = 256;

void require(bool fits, std::string_view where, const TensorView& tensor,
             std::string_view expected) {
  if (fits) return;
  const char* device =
      tensor.device().kind == Device::Kind::cuda ? " on CUDA device " : " on host ";
  throw input_error(where,
                    concat("a tensor ", tensor.shape().to_string(), ' ', name(tensor.dtype()),
                           device, tensor.device().index),
                    expected);
}

bool lies_on(const TensorView& tensor, int device) {
  return tensor.device() == Device{Device::Kind::cuda, device} && tensor.is_contiguous();
}

__device__ float widen(float value) {
  return value;
}
__device__ float widen(Half value) {
  return to_float(value);
}
__device__ float widen(Bfloat16 value) {
  return to_float(value);
}
__device__ void narrow(float value, float& stored) {
  stored = value;
}
__device__ void narrow(float value, Half& stored) {
  stored = to_half(value);
}
__device__ void narrow(float value, Bfloat16& stored) {
  stored = to_bfloat16(value);
}

/// The mean of one column over a voxel's members, with the operations of ../voxel_pool.cpp in the
/// same order.
template <typename T>
__device__ float mean_of(const T* column, std::int64_t width, const std::int32_t* member,
                         std::int32_t count) {
  float sum = widen(column[member[0] * width]);
  for (std::int32_t i = 1; i < count; ++i) sum += widen(column[member[i] * width]);
  const float mean = sum / static_cast<float>(count);
  if (isfinite(mean)) return mean;
  double wide_sum = 0;
  for (std::int32_t i = 0; i < count; ++i)
    wide_sum += static_cast<double>(widen(column[member[i] * width]));
  return static_cast<float>(wide_sum / static_cast<double>(count));
}

/// One block per voxel; neighbouring threads take neighbouring columns.
template <typename T>
__global__ void pool_voxels(const T* features, std::int64_t width, const std::int32_t* first,
                            const std::int32_t* member, T* pooled) {
  const std::int64_t voxel = blockIdx.x;
  const std::int32_t begin = first[voxel];
  const std::int32_t count = first[voxel + 1] - begin;
  for (std::int64_t d = threadIdx.x; d < width; d += blockDim.x) {
    T& target = pooled[voxel * width + d];
    if (count == 1)
      target = features[member[begin] * width + d];
    else
      narrow(mean_of(features + d, width, member + begin, count), target);
  }
}

template <typename T>
void launch(const TensorView& features, const std::int32_t* first, const std::int32_t* member,
            std::int32_t voxels, void* pooled) {
  pool_voxels<<<static_cast<unsigned>(voxels), threads_per_voxel>>>(
      static_cast<const T*>(features.data()), features.size(1), first, member,
      static_cast<T*>(pooled));
}

template <typename T>
void download_column(const DeviceMemory& memory, std::int32_t count, std::vector<T>& column) {
  column.resize(static_cast<std::size_t>(count));
  memory.download(std::as_writable_bytes(std::span(column)));
}

}  // namespace

VoxelPool::VoxelPool(int device) : state_(std::make_unique<State>(device)) {
  const DeviceScope exists(device);
}
VoxelPool::VoxelPool(VoxelPool&&) noexcept = default;
VoxelPool& VoxelPool::operator=(VoxelPool&&) noexcept = default;
VoxelPool::~VoxelPool() = default;

std::int64_t VoxelPool::group(const TensorView& xyz, float size) {
  State& s = *state_;
  require(xyz.rank() == 2 && xyz.size(1) == 3 && xyz.dtype() == DType::f32 &&
              lies_on(xyz, s.key.device()),
          grouping, xyz, "points [N, 3] f32 on the pool's CUDA device");
  require(xyz.size(0) <= std::numeric_limits<std::int32_t>::max(), grouping, xyz,
          "fewer than 2^31 points");
  if (!(size > 0) || !std::isfinite(size))
    throw input_error(grouping, concat("a voxel size of ", size, " m"), "a positive, finite one");

  s.points = 0;  // nothing, in case of an error
  s.sizes = {};
  const auto points = static_cast<std::size_t>(xyz.size(0));
  s.point_key.reserve(points * sizeof(std::uint64_t));
  s.key.reserve(points * sizeof(VoxelKey));
  s.first.reserve((points + 1) * sizeof(std::int32_t));
  s.member.reserve(points * sizeof(std::int32_t));
  s.voxel.reserve(points * sizeof(std::int32_t));
  const GroupingArrays arrays{s.point_key.as<std::uint64_t>(), s.key.as<VoxelKey>(),
                              s.first.as<std::int32_t>(), s.member.as<std::int32_t>(),
                              s.voxel.as<std::int32_t>()};
  const DeviceScope scope(s.key.device());
  GroupingSizes sizes;
  try {
    sizes = group_points(thrust::cuda::par, static_cast<const float*>(xyz.data()),
                         static_cast<std::int32_t>(points), size, arrays);
  } catch (const std::exception& error) {  // Thrust's
    throw system_error(grouping, error.what());
  }
  finish(grouping);
  s.points = static_cast<std::int32_t>(points);
  s.sizes = sizes;
  return sizes.voxels;
}

void VoxelPool::pool(const TensorView& features, void* pooled) const {
  const State& s = *state_;
  require(features.rank() == 2 && features.size(0) == s.points &&
              is_feature_type(features.dtype()) && lies_on(features, s.key.device()),
          pooling, features,
          concat("features [", s.points, ", D] of f32, f16 or bf16 on the pool's CUDA device"));
  if (s.sizes.voxels == 0) return;
  const DeviceScope scope(s.key.device());
  const auto* first = s.first.as<std::int32_t>();
  const auto* member = s.member.as<std::int32_t>();
  switch (features.dtype()) {
    case DType::f16: launch<Half>(features, first, member, s.sizes.voxels, pooled); break;
    case DType::bf16: launch<Bfloat16>(features, first, member, s.sizes.voxels, pooled); break;
    default: launch<float>(features, first, member, s.sizes.voxels, pooled);
  }
  finish(pooling);
}

void VoxelPool::download(VoxelGroups& groups) const {
  const State& s = *state_;
  download_column(s.key, s.sizes.voxels, groups.key);
  download_column(s.member, s.sizes.members, groups.member);
  download_column(s.voxel, s.points, groups.voxel);
  groups.first.assign(1, 0);
  if (s.sizes.voxels > 0) download_column(s.first, s.sizes.voxels + 1, groups.first);
}

}  // namespace sluice::kernels::cuda
