// Max-min diversity on the device against the CPU's: the same rows are kept.
#include "kernels/cuda/max_min.h"

#include <numeric>

#include "kernels/max_min.h"
#include "tests/support/cuda_device.h"
#include "tests/support/random_clip.h"

namespace sluice::kernels {
namespace {

using CudaMaxMin = test::CudaTest;
SLUICE_INSTANTIATE_CUDA_TEST(CudaMaxMin);

constexpr DType feature_types[] = {DType::f32, DType::f16, DType::bf16};

/// Rows with near-duplicates, twins and zero rows.
Tensor random_rows(test::Random& random, std::int64_t n, std::int64_t width, DType dtype) {
  const test::ClipShape shape{1, n, width};
  auto values = test::random_clip(random, shape, {.zero = 0.05, .twin = 0.3});
  if (random.chance(0.3))
    for (std::size_t i = static_cast<std::size_t>(width); i < values.size(); ++i)
      values[i] = values[i % static_cast<std::size_t>(width)] + 1e-4F * random.normal();
  Tensor rows = test::clip_tensor(values, shape, dtype);
  return Tensor(rows.view()[0]);
}

TEST_P(CudaMaxMin, KeepsWhatTheCpuKeeps) {
  test::Random random(3301);
  MaxMinWorkspace workspace;
  for (std::int64_t round = 0; round < test::cases(8'000, 80); ++round) {
    const cuda::StreamResources::Scratch scratch(device());
    std::vector<cuda::DeviceTensor> features;
    std::vector<cuda::MaxMinProblem> problems;
    std::vector<std::int32_t> expected, kept;
    for (std::int64_t source = random.integer(1, 3); source > 0; --source) {
      constexpr std::int64_t widths[] = {1, 3, 31, 33, 64};
      const std::int64_t n = random.integer(1, 40), width = widths[random.integer(0, 4)];
      const Tensor rows = random_rows(random, n, width, feature_types[random.integer(0, 2)]);
      std::vector<std::int32_t> candidates;
      const bool everything = random.chance(0.4);
      for (std::int32_t i = 0; i < n; ++i)
        if (everything || random.chance(0.7)) candidates.push_back(i);
      const auto count = static_cast<std::int64_t>(candidates.size());
      const std::int64_t keep = random.integer(-1, count + 1);
      max_min(host(), rows, candidates, keep, workspace, kept);
      expected.insert(expected.end(), kept.begin(), kept.end());
      features.push_back(on_device(rows));
      problems.push_back(
          {features.back().view(),
           everything ? nullptr : device().device_copy(std::span<const std::int32_t>(candidates)),
           count, keep});
    }
    auto* output = device().device_array<std::int32_t>(static_cast<std::int64_t>(expected.size()));
    cuda::max_min(device(), problems, output);
    ASSERT_EQ(values_of(output, static_cast<std::int64_t>(expected.size())), expected)
        << "round " << round;
  }
}

TEST_P(CudaMaxMin, MoreRowsThanThreads) {
  test::Random random(3302);
  const Tensor rows = random_rows(random, 530, 8, DType::f32);
  std::vector<std::int32_t> candidates(530), expected;
  std::iota(candidates.begin(), candidates.end(), 0);
  MaxMinWorkspace workspace;
  max_min(host(), rows, candidates, 25, workspace, expected);
  const auto features = on_device(rows);
  const cuda::StreamResources::Scratch scratch(device());
  auto* output = device().device_array<std::int32_t>(25);
  const cuda::MaxMinProblem problem{features.view(), nullptr, 530, 25};
  cuda::max_min(device(), {&problem, 1}, output);
  EXPECT_EQ(values_of(output, 25), expected);
}

TEST_P(CudaMaxMin, RefusesWhatDoesNotFit) {
  const auto features = on_device(Tensor(DType::f32, {4, 2}));
  const auto wrong_type = on_device(Tensor(DType::i32, {4, 2}));
  const Tensor on_host(DType::f32, {4, 2});
  for (const cuda::MaxMinProblem& problem : {cuda::MaxMinProblem{features.view(), nullptr, 3, 1},
                                             cuda::MaxMinProblem{wrong_type.view(), nullptr, 4, 1},
                                             cuda::MaxMinProblem{on_host.view(), nullptr, 4, 1}})
    EXPECT_THROW(cuda::max_min(device(), {&problem, 1}, nullptr), Error);
}

}  // namespace
}  // namespace sluice::kernels
