// The stream and its memory: pools that stop growing, and errors that say what happened.
#include "kernels/cuda/stream_resources.h"

#include "kernels/error.h"
#include "tests/support/cuda_device.h"

namespace sluice::kernels {
namespace {

using CudaResources = test::CudaTest;
SLUICE_INSTANTIATE_CUDA_TEST(CudaResources);

TEST_P(CudaResources, MemoryIsGivenBackAndGrowsOnlyOnce) {
  const auto use = [&] {
    const cuda::StreamResources::Scratch scratch(device());
    for (int array = 0; array < 10; ++array) {
      const std::vector<std::int32_t> values(100'000, array);
      const auto* copy = device().device_copy(std::span(values));
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(copy) % 256, 0u);
      const auto back = device().host_copy(copy, 100'000);
      device().wait("test");
      EXPECT_EQ(back[99'999], array);
    }
  };
  use();
  const auto slabs = device().device_arena().slabs();
  const auto host_slabs = device().host_arena().slabs();
  EXPECT_LT(slabs, 6u) << "each at least as large as all before it";
  for (int round = 0; round < 3; ++round) use();
  EXPECT_EQ(device().device_arena().slabs(), slabs);
  EXPECT_EQ(device().host_arena().slabs(), host_slabs);
}

TEST_P(CudaResources, WhatIsUploadedMayChangeAtOnce) {
  const cuda::StreamResources::Scratch scratch(device());
  std::vector<float> values(1000, 1.0F);
  const float* copy = device().device_copy(std::span<const float>(values));
  std::fill(values.begin(), values.end(), 2.0F);
  EXPECT_EQ(values_of(copy, 1000), std::vector<float>(1000, 1.0F));
}

TEST_P(CudaResources, NoSuchDeviceAndNoSuchMemory) {
  try {
    const cuda::StreamResources resources({cuda::device_count(), 1, 1});
    FAIL() << "a device that does not exist";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::system);
  }
  try {
    (void)device().device_array<std::byte>(std::int64_t{1} << 50);
    FAIL() << "a pebibyte";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::system);
    EXPECT_NE(std::string(error.what()).find("bytes: cudaErrorMemoryAllocation"), std::string::npos)
        << error.what();
  }
  const std::vector<std::int32_t> values{1, 2, 3};
  EXPECT_EQ(values_of(device().device_copy(std::span(values)), 3), values)
      << "all else still works";
}

}  // namespace
}  // namespace sluice::kernels
