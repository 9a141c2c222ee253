// Grouping points by voxel in Thrust, written once: voxel_pool.cpp runs it on the CPU,
// cuda/voxel_pool.cu on the GPU. Results are the same, because the sort is stable and everything
// else is integers.
#pragma once

#include <thrust/binary_search.h>
#include <thrust/copy.h>
#include <thrust/fill.h>
#include <thrust/functional.h>
#include <thrust/gather.h>
#include <thrust/iterator/counting_iterator.h>
#include <thrust/iterator/permutation_iterator.h>
#include <thrust/sequence.h>
#include <thrust/sort.h>
#include <thrust/transform.h>
#include <thrust/transform_scan.h>

#include <cstdint>

#include "kernels/voxel_quantise.inl"

#if defined(__CUDACC__)
#define SLUICE_HOST_DEVICE __host__ __device__
#else
#define SLUICE_HOST_DEVICE
#endif

namespace sluice::kernels {

/// Where the results go, in memory that the execution policy works on. N points.
struct GroupingArrays {
  std::uint64_t* point_key;  ///< [N] scratch
  VoxelKey* key;             ///< [N] of which the first `voxels` are used
  std::int32_t* first;       ///< [N+1] of which the first `voxels` + 1 are used
  std::int32_t* member;      ///< [N] of which the first `members` are used
  std::int32_t* voxel;       ///< [N]
};

struct GroupingSizes {
  std::int32_t voxels = 0;
  std::int32_t members = 0;  ///< points that are in some voxel
};

/// Unsigned, so that points without a voxel sort behind all others.
struct SortKey {
  const float* xyz;
  float size;
  SLUICE_HOST_DEVICE std::uint64_t operator()(std::int32_t point) const {
    return static_cast<std::uint64_t>(quantise(xyz + 3 * std::int64_t{point}, size));
  }
};

/// Whether a voxel's members begin here, among the sorted keys.
struct StartsVoxel {
  const std::uint64_t* sorted;
  SLUICE_HOST_DEVICE bool operator()(std::int32_t at) const {
    return at == 0 || sorted[at] != sorted[at - 1];
  }
};

/// Steps from one member's row to the next one's. Their running sum is the row.
struct RowStep {
  StartsVoxel starts;
  SLUICE_HOST_DEVICE std::int32_t operator()(std::int32_t at) const {
    return at > 0 && starts(at) ? 1 : 0;
  }
};

template <typename Policy>
GroupingSizes group_points(const Policy& policy, const float* xyz, std::int32_t points, float size,
                           const GroupingArrays& arrays) {
  const thrust::counting_iterator<std::int32_t> count(0);
  std::uint64_t* const keys = arrays.point_key;
  thrust::transform(policy, count, count + points, keys, SortKey{xyz, size});
  thrust::sequence(policy, arrays.member, arrays.member + points);
  thrust::stable_sort_by_key(policy, keys, keys + points, arrays.member);

  GroupingSizes sizes;
  sizes.members = static_cast<std::int32_t>(
      thrust::lower_bound(policy, keys, keys + points, static_cast<std::uint64_t>(no_voxel)) -
      keys);
  const StartsVoxel starts{keys};
  sizes.voxels = static_cast<std::int32_t>(
      thrust::copy_if(policy, count, count + sizes.members, arrays.first, starts) - arrays.first);
  thrust::gather(policy, arrays.first, arrays.first + sizes.voxels, keys, arrays.key);
  thrust::fill_n(policy, arrays.first + sizes.voxels, 1, sizes.members);

  thrust::fill_n(policy, arrays.voxel, points, std::int32_t{-1});
  thrust::transform_inclusive_scan(policy, count, count + sizes.members,
                                   thrust::make_permutation_iterator(arrays.voxel, arrays.member),
                                   RowStep{starts}, thrust::plus<std::int32_t>());
  return sizes;
}

}  // namespace sluice::kernels
