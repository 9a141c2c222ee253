// Redundancy maps on the device against the CPU's: the same bits, cosines and flags.
#include "kernels/cuda/redundancy.h"

#include <bit>
#include <cmath>

#include "tests/support/cuda_device.h"
#include "tests/support/random_clip.h"

namespace sluice::kernels {
namespace {

using test::ClipOptions;
using test::ClipShape;
using test::Random;
using CudaRedundancy = test::CudaTest;
SLUICE_INSTANTIATE_CUDA_TEST(CudaRedundancy);

constexpr DType feature_types[] = {DType::f32, DType::f16, DType::bf16};

std::vector<TensorView> frames_of(const Tensor& clip) {
  std::vector<TensorView> frames;
  for (std::int64_t f = 0; f < clip.size(0); ++f) frames.push_back(clip.view()[f]);
  return frames;
}

void expect_equal(const RedundancyMap& map, const RedundancyMap& expected) {
  ASSERT_EQ(map.frames, expected.frames);
  ASSERT_EQ(map.positions, expected.positions);
  ASSERT_EQ(map.redundant, expected.redundant);
  ASSERT_EQ(map.finite, expected.finite);
  ASSERT_EQ(map.similarity.size(), expected.similarity.size());
  for (std::size_t i = 0; i < map.similarity.size(); ++i) {
    if (std::isnan(expected.similarity[i]))
      ASSERT_TRUE(std::isnan(map.similarity[i])) << i;
    else
      ASSERT_EQ(std::bit_cast<std::uint32_t>(map.similarity[i]),
                std::bit_cast<std::uint32_t>(expected.similarity[i]))
          << i << ": " << map.similarity[i] << ' ' << expected.similarity[i];
  }
}

TEST_P(CudaRedundancy, IsTheCpusBitForBit) {
  Random random(3101);
  for (std::int64_t round = 0; round < test::cases(33'000, 60); ++round) {
    constexpr std::int64_t widths[] = {1, 3, 4, 8, 31, 32, 33, 64, 100};
    const ClipShape shape{random.integer(1, 9), random.integer(1, 9), widths[random.integer(0, 8)]};
    ClipOptions options;
    options.noise = random.chance(0.3) ? 1e-4 : 0.6;
    options.exact_copy = 0.2;
    options.zero = 0.05;
    options.broken = 0.05;
    const DType dtype = feature_types[random.integer(0, 2)];
    const Tensor clip = test::clip_tensor(test::random_clip(random, shape, options), shape, dtype);
    const double tau = random.chance(0.1) ? 1.0 : random.between(0.5, 1.0);
    RedundancyMap expected, map;
    redundancy_map(host(), frames_of(clip), tau, expected);
    const cuda::StreamResources::Scratch scratch(device());
    const auto features = on_device(clip);
    cuda::download(device(), cuda::redundancy_map(device(), features, tau), map);
    SCOPED_TRACE(concat("round ", round, ' ', name(dtype), ' ', clip.shape().to_string()));
    expect_equal(map, expected);
    if (HasFatalFailure()) return;
  }
}

TEST_P(CudaRedundancy, WideRowsGoThroughSharedMemoryOrDirectly) {
  Random random(3102);
  // 1152: several warps' rows per block; 5000: one warp's; 30000: too long for shared memory.
  for (const std::int64_t width : {1151, 1152, 5000, 30'000})
    for (const DType dtype : feature_types) {
      const ClipShape shape{width > 5000 ? 3 : 11, 3, width};
      const Tensor clip = test::clip_tensor(
          test::random_clip(random, shape, {.noise = 0.7, .broken = 0.03}), shape, dtype);
      RedundancyMap expected, map;
      redundancy_map(host(), frames_of(clip), 0.8, expected);
      const cuda::StreamResources::Scratch scratch(device());
      const auto features = on_device(clip);
      cuda::download(device(), cuda::redundancy_map(device(), features, 0.8), map);
      SCOPED_TRACE(concat(name(dtype), ' ', width));
      expect_equal(map, expected);
    }
}

TEST_P(CudaRedundancy, CloseCallsAreDecidedInDouble) {
  Random random(3103);
  for (int round = 0; round < 40; ++round) {
    const ClipShape shape{2, 3, 70};
    const Tensor clip =
        test::clip_tensor(test::random_clip(random, shape, {.repeat = 1, .noise = 0.5}), shape);
    RedundancyMap expected, map;
    redundancy_map(host(), frames_of(clip), 0.5, expected);
    for (const float similarity : expected.similarity)
      for (const double offset : {-1e-8, -1e-9, 0.0, 1e-9, 1e-8}) {
        const double tau = static_cast<double>(similarity) + offset;
        RedundancyMap at_tau;
        redundancy_map(host(), frames_of(clip), tau, at_tau);
        const cuda::StreamResources::Scratch scratch(device());
        const auto features = on_device(clip);
        cuda::download(device(), cuda::redundancy_map(device(), features, tau), map);
        expect_equal(map, at_tau);
      }
  }
}

TEST_P(CudaRedundancy, HugeAndTinyRowsDontOverflow) {
  for (const float scale : {1e-38F, 1e-30F, 1e-20F, 1e18F, 1e30F, 3e37F}) {
    const ClipShape shape{3, 2, 40};
    Random random(3);
    auto values = test::random_clip(random, shape, {.repeat = 1.0, .noise = 0.01});
    for (auto& value : values) value *= scale;
    const Tensor clip = test::clip_tensor(values, shape);
    RedundancyMap expected, map;
    redundancy_map(host(), frames_of(clip), 0.9, expected);
    const cuda::StreamResources::Scratch scratch(device());
    const auto features = on_device(clip);
    cuda::download(device(), cuda::redundancy_map(device(), features, 0.9), map);
    expect_equal(map, expected);
  }
}

TEST_P(CudaRedundancy, FrameByFrameGivesTheSameBits) {
  Random random(3104);
  for (const std::int64_t width : {33, 64}) {
    const ClipShape shape{5, 70, width};
    const Tensor clip = test::clip_tensor(
        test::random_clip(random, shape, {.noise = 0.5, .broken = 0.02}), shape, DType::f16);
    RedundancyMap expected;
    redundancy_map(host(), frames_of(clip), 0.85, expected);
    std::vector<cuda::DeviceTensor> frames;
    for (const auto& frame : frames_of(clip)) frames.push_back(on_device(frame));
    for (std::size_t f = 1; f < 5; ++f) {
      const cuda::StreamResources::Scratch scratch(device());
      for (const auto& [before, now] : {std::pair(f - 1, f), std::pair(f, f - 1)}) {
        RedundancyMap map;
        cuda::download(device(), cuda::compare_frames(device(), frames[before], frames[now], 0.85),
                       map);
        const auto row = static_cast<std::ptrdiff_t>((f - 1) * 70);
        EXPECT_EQ(map.redundant, std::vector<std::uint8_t>(expected.redundant.begin() + row,
                                                           expected.redundant.begin() + row + 70))
            << "a cosine doesn't change if its rows do";
      }
    }
  }
}

TEST_P(CudaRedundancy, RefusesWhatDoesNotFit) {
  const Tensor host_tensor(DType::f32, {2, 3, 4});
  EXPECT_THROW((void)cuda::redundancy_map(device(), host_tensor, 0.8), Error) << "host memory";
  const auto wrong_type = on_device(Tensor(DType::i32, {2, 3, 4}));
  EXPECT_THROW((void)cuda::redundancy_map(device(), wrong_type, 0.8), Error);
  const auto wrong_rank = on_device(Tensor(DType::f32, {2, 3}));
  EXPECT_THROW((void)cuda::redundancy_map(device(), wrong_rank, 0.8), Error);
  const auto other = on_device(Tensor(DType::f16, {2, 3}));
  EXPECT_THROW((void)cuda::compare_frames(device(), wrong_rank, other, 0.8), Error);
}

}  // namespace
}  // namespace sluice::kernels
