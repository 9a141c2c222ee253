// The CUDA kernels against the CPU's: the same groups, the same bits.
#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <limits>
#include <string>

#include "kernels/cuda/device_memory.h"
#include "kernels/cuda/voxel_pool.h"
#include "kernels/error.h"
#include "kernels/voxel_pool.h"
#include "tests/support/random_clip.h"

namespace sluice::kernels {
namespace {

constexpr Device cuda_device{Device::Kind::cuda, 0};

std::string bytes_of(const Tensor& tensor) {
  return {static_cast<const char*>(tensor.data()), tensor.byte_size()};
}

/// A copy of a contiguous tensor on the device.
class OnDevice {
 public:
  explicit OnDevice(const TensorView& host) : dtype_(host.dtype()), shape_(host.shape()) {
    memory_.upload({static_cast<const std::byte*>(host.data()), host.byte_size()});
  }
  [[nodiscard]] TensorView view() const {
    return {memory_.as<std::byte>(), dtype_, shape_, cuda_device};
  }

 private:
  cuda::DeviceMemory memory_;
  DType dtype_;
  Shape shape_;
};

class CudaVoxelPool : public ::testing::Test {
 protected:
  void SetUp() override {
    if (cuda::device_count() == 0) GTEST_SKIP() << "no CUDA device";
  }
};

TEST(CudaDevices, WhatIsNotThereIsRefused) {
  const int count = cuda::device_count();
  EXPECT_THROW(cuda::VoxelPool(-1), Error);
  try {
    const cuda::VoxelPool pool(count);
    FAIL() << "a device that does not exist";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::system);
    EXPECT_NE(std::string(error.what()).find("no device " + std::to_string(count)),
              std::string::npos)
        << error.what();
  }
  cuda::DeviceMemory memory(count);
  EXPECT_THROW(memory.reserve(64), Error);
}

TEST_F(CudaVoxelPool, GroupsAndMeansAreThoseOfTheCpu) {
  constexpr std::uint64_t seed = 51;
  SCOPED_TRACE(seed);
  test::Random random(seed);
  Resources resources(2);
  cuda::VoxelPool pool;  // one for all rounds: reused memory must not shine through
  for (const std::int64_t points : {20'000, 1, 333, 0, 7000}) {
    const test::ClipShape shape{1, points, 131};
    auto values = test::random_clip(random, shape);
    for (float& value : values)
      if (random.chance(0.01)) value = 3e38F;  // sums of two overflow f32
    std::vector<float> xyz;
    for (std::int64_t i = 0; i < 3 * points; ++i)
      xyz.push_back(random.chance(0.01) ? std::nanf("")
                                        : static_cast<float>(random.between(-2, 2)));
    for (const float size : {0.05F, 0.25F, 50.0F}) {
      VoxelGroups expected;
      group_by_voxel(resources, xyz, size, expected);
      const TensorView host_xyz(xyz.data(), DType::f32, {points, 3});
      ASSERT_EQ(pool.group(OnDevice(host_xyz).view(), size), expected.size());
      VoxelGroups groups;
      pool.download(groups);
      EXPECT_EQ(groups.key, expected.key);
      EXPECT_EQ(groups.first, expected.first);
      EXPECT_EQ(groups.member, expected.member);
      EXPECT_EQ(groups.voxel, expected.voxel);

      for (const DType dtype : {DType::f32, DType::f16, DType::bf16}) {
        const Tensor features = test::clip_tensor(values, shape, dtype);
        Tensor expected_means;
        pool_groups(resources, features.view()[0], expected, expected_means);
        Tensor means(dtype, expected_means.shape());
        cuda::DeviceMemory device_means;
        device_means.reserve(means.byte_size());
        pool.pool(OnDevice(features.view()[0]).view(), device_means.as<void>());
        device_means.download({static_cast<std::byte*>(means.data()), means.byte_size()});
        EXPECT_EQ(bytes_of(means), bytes_of(expected_means)) << name(dtype) << ' ' << size;
      }
    }
  }
}

TEST_F(CudaVoxelPool, RefusesWhatDoesNotFit) {
  const std::vector<float> values(12, 0.0F);
  const TensorView host(values.data(), DType::f32, {4, 3});
  const OnDevice points(host);
  cuda::VoxelPool pool;
  EXPECT_THROW(pool.group(host, 0.2F), Error) << "host memory";
  EXPECT_THROW(pool.group(OnDevice(TensorView(values.data(), DType::f32, {3, 4})).view(), 0.2F),
               Error);
  for (const float size : {0.0F, -1.0F, std::nanf(""), std::numeric_limits<float>::infinity()})
    EXPECT_THROW(pool.group(points.view(), size), Error) << size;
  ASSERT_EQ(pool.group(points.view(), 0.2F), 1);
  cuda::DeviceMemory pooled;
  pooled.reserve(64);
  EXPECT_THROW(pool.pool(host, pooled.as<void>()), Error);
  const OnDevice three_rows(TensorView(values.data(), DType::f32, {3, 4}));
  EXPECT_THROW(pool.pool(three_rows.view(), pooled.as<void>()), Error);
}

}  // namespace
}  // namespace sluice::kernels
