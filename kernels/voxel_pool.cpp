#include "kernels/voxel_pool.h"

#include <thrust/system/cpp/execution_policy.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <string_view>

#include "kernels/cpu/row_kernels.h"
#include "kernels/error.h"
#include "kernels/voxel_grouping.inl"

#if defined(SLUICE_WITH_TBB)
#include <tbb/global_control.h>
#include <tbb/task_arena.h>
#include <thrust/system/tbb/execution_policy.h>
#endif

namespace sluice::kernels {
namespace {

/// Calls body with the execution policy that is best for so many points.
template <typename Body>
void with_policy(const Resources& resources, std::size_t points, Body&& body) {
#if defined(SLUICE_WITH_TBB)
  constexpr std::size_t worth_threads = 65536;
  if (resources.threads() > 1 && points >= worth_threads) {
    // As many as the caller allows (TBB's default would be all cores), and no more than TBB has:
    // it would print a warning.
    const auto most = static_cast<std::size_t>(resources.threads());
    const auto has =
        tbb::global_control::active_value(tbb::global_control::max_allowed_parallelism);
    tbb::task_arena arena(static_cast<int>(std::min(most, has)));
    arena.execute([&body] { body(thrust::tbb::par); });
    return;
  }
#endif
  (void)resources, (void)points;
  body(thrust::cpp::par);
}

void require_points(std::span<const float> xyz, float size) {
  constexpr std::string_view where = "voxel grouping";
  if (xyz.size() % 3 != 0)
    throw input_error(where, concat(xyz.size(), " coordinates"), "three per point");
  if (xyz.size() / 3 > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()))
    throw input_error(where, concat(xyz.size() / 3, " points"), "fewer than 2^31");
  if (!(size > 0) || !std::isfinite(size))
    throw input_error(where, concat("a voxel size of ", size, " m"), "a positive, finite one");
}

void require_features(const TensorView& features, const VoxelGroups& groups) {
  constexpr std::string_view where = "voxel pooling";
  if (features.rank() != 2 || !is_feature_type(features.dtype()) ||
      features.device().kind != Device::Kind::cpu || (features.stride(1) != 1 && !features.empty()))
    throw input_error(
        where, concat("features ", features.shape().to_string(), " ", name(features.dtype())),
        "rows [N, D] of f32, f16 or bf16 in host memory");
  if (features.size(0) != static_cast<std::int64_t>(groups.voxel.size()))
    throw input_error(where, concat(features.size(0), " rows of features"),
                      concat("one per point: ", groups.voxel.size()));
}

/// Replaces elements that are not finite. A sum may have left the range of f32, though the mean of
/// finite values doesn't.
void repair_in_f64(const cpu::RowKernels& kernels, const TensorView& features,
                   std::span<const std::int32_t> members, float* mean) {
  const auto width = static_cast<std::size_t>(features.size(1));
  std::vector<double> sum(width, 0.0);
  std::vector<float> row(width);
  for (const std::int32_t member : members) {
    kernels.load(row.data(), features.row(member), features.dtype(), features.size(1));
    for (std::size_t d = 0; d < width; ++d) sum[d] += static_cast<double>(row[d]);
  }
  for (std::size_t d = 0; d < width; ++d)
    if (!std::isfinite(mean[d]))
      mean[d] = static_cast<float>(sum[d] / static_cast<double>(members.size()));
}

void mean_row(const cpu::RowKernels& kernels, const TensorView& features,
              std::span<const std::int32_t> members, float* mean) {
  const bool finite = kernels.mean_rows(mean, features.data(), features.stride(0), members.data(),
                                        static_cast<std::int64_t>(members.size()), features.dtype(),
                                        features.size(1));
  if (!finite) repair_in_f64(kernels, features, members, mean);
}

std::span<const std::int32_t> members_of(const VoxelGroups& groups, std::int64_t row) {
  const auto at = static_cast<std::size_t>(row);
  const auto begin = static_cast<std::size_t>(groups.first[at]);
  return std::span(groups.member)
      .subspan(begin, static_cast<std::size_t>(groups.first[at + 1]) - begin);
}

}  // namespace

void group_by_voxel(Resources& resources, std::span<const float> xyz, float size,
                    VoxelGroups& groups) {
  require_points(xyz, size);
  const std::size_t points = xyz.size() / 3;
  thread_local std::vector<std::uint64_t> point_key;
  point_key.resize(points);
  groups.key.resize(points);
  groups.first.resize(points + 1);
  groups.member.resize(points);
  groups.voxel.resize(points);
  const GroupingArrays arrays{point_key.data(), groups.key.data(), groups.first.data(),
                              groups.member.data(), groups.voxel.data()};
  GroupingSizes sizes;
  with_policy(resources, points, [&](const auto& policy) {
    sizes = group_points(policy, xyz.data(), static_cast<std::int32_t>(points), size, arrays);
  });
  groups.key.resize(static_cast<std::size_t>(sizes.voxels));
  groups.first.resize(static_cast<std::size_t>(sizes.voxels) + 1);
  groups.member.resize(static_cast<std::size_t>(sizes.members));
}

void pool_groups(Resources& resources, const TensorView& features, const VoxelGroups& groups,
                 Tensor& pooled) {
  require_features(features, groups);
  const auto& kernels = resources.rows();
  const DType dtype = features.dtype();
  const std::int64_t width = features.size(1);
  const std::size_t row_bytes = static_cast<std::size_t>(width) * item_size(dtype);
  pooled.reshape(dtype, {groups.size(), width});
  resources.pool().parallel_for(groups.size(), [&](std::int64_t voxel, int) {
    const auto members = members_of(groups, voxel);
    auto* target =
        static_cast<std::byte*>(pooled.data()) + static_cast<std::size_t>(voxel) * row_bytes;
    if (members.size() == 1) {  // bit for bit, NaN included
      std::memcpy(target, features.row(members[0]), row_bytes);
    } else if (dtype == DType::f32) {
      mean_row(kernels, features, members, reinterpret_cast<float*>(target));
    } else {
      thread_local std::vector<float> mean;
      mean.resize(static_cast<std::size_t>(width));
      mean_row(kernels, features, members, mean.data());
      kernels.store(target, mean.data(), dtype, width);
    }
  });
}

void mean_positions(std::span<const float> xyz, const VoxelGroups& groups,
                    std::vector<float>& centres) {
  if (xyz.size() != groups.voxel.size() * 3)
    throw input_error("mean positions", concat(xyz.size(), " coordinates"),
                      concat("three per point: ", groups.voxel.size() * 3));
  centres.resize(static_cast<std::size_t>(groups.size()) * 3);
  for (std::int64_t voxel = 0; voxel < groups.size(); ++voxel) {
    const auto members = members_of(groups, voxel);
    for (std::size_t axis = 0; axis < 3; ++axis) {
      double sum = 0;
      for (const std::int32_t member : members)
        sum += static_cast<double>(xyz[static_cast<std::size_t>(member) * 3 + axis]);
      centres[static_cast<std::size_t>(voxel) * 3 + axis] =
          static_cast<float>(sum / static_cast<double>(members.size()));
    }
  }
}

}  // namespace sluice::kernels
