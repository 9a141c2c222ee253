// The emulation must catch what it is there for: each test makes a mistake on purpose.
#include "tests/support/cuda_emulation/emulation.h"

#include <cuda_pipeline_primitives.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "kernels/cuda/launch.h"
#include "kernels/cuda/stream_resources.h"
#include "tests/support/error_messages.h"

namespace sluice::kernels::cuda {
namespace {

class Emulation : public ::testing::Test {
 protected:
  void SetUp() override { cuda_emulation::configure({}); }
  void TearDown() override { cuda_emulation::configure({}); }

  template <typename... Parameters, typename... Arguments>
  void start(void (*kernel)(Parameters...), const LaunchShape& shape, Arguments... arguments) {
    launch(resources_, "test", kernel, shape, arguments...);
  }
  /// What is wrong with the kernels that were started.
  std::string complaint() {
    try {
      resources_.wait("test");
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }
  template <typename T>
  std::vector<T> values_of(const T* values, std::int64_t count) {
    const auto copy = resources_.host_copy(values, count);
    resources_.wait("test");
    return {copy.begin(), copy.end()};
  }

  StreamResources resources_{{0, 1 << 12, 1 << 12}};
};

__global__ void number_threads(int* out) {
  out[blockIdx.x * blockDim.x + threadIdx.x] = static_cast<int>(blockIdx.x * 1000 + threadIdx.x);
}

TEST_F(Emulation, EveryThreadRunsOnce) {
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    cuda_emulation::Settings settings;
    settings.seed = seed;
    cuda_emulation::configure(settings);
    auto* out = resources_.device_array<int>(3 * 40);
    start(&number_threads, {3, 40, 0}, out);
    const auto values = values_of(out, 3 * 40);
    for (std::size_t i = 0; i < values.size(); ++i)
      EXPECT_EQ(values[i], static_cast<int>(i / 40 * 1000 + i % 40));
  }
}

__global__ void exchange(double* sums, unsigned* ballots) {
  double value = static_cast<double>(threadIdx.x);
  for (int half = 16; half > 0; half /= 2) value += __shfl_xor_sync(all_lanes, value, half);
  const int from_three = __shfl_sync(all_lanes, static_cast<int>(threadIdx.x), 3);
  ballots[threadIdx.x] = __ballot_sync(all_lanes, threadIdx.x % 3 == 0);
  sums[threadIdx.x] = value + 1000 * from_three + 1e6 * __syncthreads_or(threadIdx.x == 40);
}

TEST_F(Emulation, CollectivesExchangeWhatTheyShould) {
  auto* sums = resources_.device_array<double>(64);
  auto* ballots = resources_.device_array<unsigned>(64);
  start(&exchange, {1, 64, 0}, sums, ballots);
  const auto values = values_of(sums, 64);
  EXPECT_EQ(values[0], 496 + 3000 + 1e6);
  EXPECT_EQ(values[63], 496 + 32 * 32 + 35000 + 1e6);
  EXPECT_EQ(values_of(ballots, 64)[0], 0x49249249U);
}

__global__ void diverge_at_barrier() {
  if (threadIdx.x < 32) __syncthreads();
}
__global__ void meet_at_two_barriers() {
  if (threadIdx.x < 32)
    __syncthreads();
  else
    __syncthreads();
}
__global__ void shuffle_without_all() {
  if (threadIdx.x != 5) (void)__shfl_xor_sync(all_lanes, 1, 1);
}

TEST_F(Emulation, DivergenceIsAnErrorAndNotAHang) {
  start(&diverge_at_barrier, {1, 64, 0});
  EXPECT_CONTAINS(complaint(), "thread 0 at a barrier");
  start(&meet_at_two_barriers, {1, 64, 0});
  EXPECT_CONTAINS(complaint(), "thread 32 at a barrier");
  start(&shuffle_without_all, {1, 32, 0});
  EXPECT_CONTAINS(complaint(), "1 of 32 threads have ended");
  auto* out = resources_.device_array<int>(40);
  start(&number_threads, {1, 40, 0}, out);
  EXPECT_EQ(complaint(), "") << "and the next kernel runs";
}

__global__ void pass_on_without_barrier(int* out) {
  int* shared = dynamic_shared<int>();
  shared[threadIdx.x] = static_cast<int>(threadIdx.x);
  out[threadIdx.x] = shared[(threadIdx.x + 1) % blockDim.x];
}
__global__ void pass_on(int* out) {
  int* shared = dynamic_shared<int>();
  shared[threadIdx.x] = static_cast<int>(threadIdx.x);
  __syncthreads();
  out[threadIdx.x] = shared[(threadIdx.x + 1) % blockDim.x];
}

TEST_F(Emulation, AMissingBarrierShowsInTheResult) {
  auto* out = resources_.device_array<int>(64);
  start(&pass_on_without_barrier, {1, 64, 64 * sizeof(int)}, out);
  EXPECT_EQ(values_of(out, 64)[0], -1) << "what fresh shared memory holds";
  start(&pass_on, {1, 64, 64 * sizeof(int)}, out);
  EXPECT_EQ(values_of(out, 64)[0], 1);
}

/// The second round writes what slower warps still read.
__global__ void tell_twice(int* out, bool waits) {
  int* shared = dynamic_shared<int>();
  for (int round = 1; round <= 2; ++round) {
    if (threadIdx.x == 0) *shared = round;
    __syncthreads();
    out[threadIdx.x] += round == 1 ? 10 * *shared : *shared;
    if (waits) __syncthreads();
  }
}

TEST_F(Emulation, WarpsThatRunAheadShowThatABarrierIsMissing) {
  for (const bool waits : {false, true}) {
    const std::vector<int> zeros(64, 0);
    int* out = resources_.device_copy(std::span(zeros));
    start(&tell_twice, {1, 64, sizeof(int)}, out, waits);
    EXPECT_EQ(values_of(out, 64)[63], waits ? 12 : 22);
  }
}

/// Both blocks use the same memory between their barriers.
__global__ void share_scratch(int* scratch, int* out) {
  if (threadIdx.x == 0) *scratch = static_cast<int>(blockIdx.x);
  __syncthreads();
  out[blockIdx.x * blockDim.x + threadIdx.x] = *scratch;
}

TEST_F(Emulation, BlocksThatGetInEachOthersWayAreSeenToDoSo) {
  auto* out = resources_.device_array<int>(64);
  start(&share_scratch, {2, 32, 0}, resources_.device_array<int>(1), out);
  EXPECT_EQ(values_of(out, 64)[0], 1);
}

__global__ void take_the_last(int* out) {
  *out = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
}

TEST_F(Emulation, ARaceChangesItsResultWithTheSeed) {
  std::set<int> results;
  for (std::uint64_t seed = 0; seed < 6; ++seed) {
    cuda_emulation::Settings settings;
    settings.seed = seed;
    cuda_emulation::configure(settings);
    auto* out = resources_.device_array<int>(1);
    start(&take_the_last, {4, 64, 0}, out);
    results.insert(values_of(out, 1)[0]);
  }
  EXPECT_GT(results.size(), 2u);
}

__global__ void fetch(const float* source, float* out, bool waits) {
  float* shared = dynamic_shared<float>();
  __pipeline_memcpy_async(shared + threadIdx.x, source + threadIdx.x, 4);
  __pipeline_commit();
  if (waits) __pipeline_wait_prior(0);
  __syncwarp();
  out[threadIdx.x] = shared[31 - threadIdx.x];
}

TEST_F(Emulation, CopiesToSharedMemoryMustBeWaitedFor) {
  std::vector<float> values(32);
  for (std::size_t i = 0; i < 32; ++i) values[i] = static_cast<float>(i);
  const float* source = resources_.device_copy(std::span<const float>(values));
  auto* out = resources_.device_array<float>(32);
  start(&fetch, {1, 32, 128}, source, out, false);
  EXPECT_TRUE(std::isnan(values_of(out, 32)[0]));
  start(&fetch, {1, 32, 128}, source, out, true);
  EXPECT_EQ(values_of(out, 32)[0], 31);
}

TEST_F(Emulation, ResultsAreThereOnlyAfterASynchronisation) {
  const std::vector<int> values(10, 5);
  const auto copy = resources_.host_copy(resources_.device_copy(std::span(values)), 10);
  EXPECT_NE(copy[0], 5);
  resources_.wait("test");
  EXPECT_EQ(copy[0], 5);
}

__global__ void write_beyond(int* out, int count) {
  out[count] = 1;
}

#if !defined(__SANITIZE_ADDRESS__)  // which stops the program at once
TEST_F(Emulation, WhatIsWrittenBeyondTheEndIsFound) {
  DeviceMemory memory;
  memory.reserve(400);
  start(&write_beyond, {1, 1, 0}, memory.as<int>(), 100);
  EXPECT_CONTAINS(complaint(), "beyond the end of an allocation of 400 bytes");
}
#endif

TEST_F(Emulation, HostMemoryIsNoArgument) {
  int on_host = 0;
  EXPECT_THROW(start(&take_the_last, {1, 1, 0}, &on_host), Error);
  int* pinned = resources_.host_array<int>(1).data();
  start(&take_the_last, {1, 1, 0}, pinned);
  EXPECT_EQ(complaint(), "");
}

TEST_F(Emulation, HostCodeCantTouchDeviceMemory) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  auto* out = resources_.device_array<int>(1);
  EXPECT_TRUE(cuda_emulation::is_device_memory(out, sizeof(int)));
  EXPECT_DEATH(*static_cast<volatile int*>(out) = 1, "");
}

TEST_F(Emulation, LaunchesThatNoDeviceTakesAreRefused) {
  EXPECT_THROW(start(&diverge_at_barrier, {1, 2048, 0}), Error);
  EXPECT_THROW(start(&diverge_at_barrier, {1, 32, 1 << 20}), Error);
  const auto launches = cuda_emulation::launches();
  start(&diverge_at_barrier, {0, 32, 0});
  EXPECT_EQ(cuda_emulation::launches(), launches) << "nothing to do";
}

}  // namespace
}  // namespace sluice::kernels::cuda
