// Top-k on the device against the CPU's.
#include "kernels/cuda/top_k.h"

#include <cmath>

#include "kernels/top_k.h"
#include "tests/support/cuda_device.h"
#include "tests/support/random_clip.h"

namespace sluice::kernels {
namespace {

using CudaTopK = test::CudaTest;
SLUICE_INSTANTIATE_CUDA_TEST(CudaTopK);

template <typename Score>
void compare_with_cpu(test::Random& random, cuda::StreamResources& device) {
  const cuda::StreamResources::Scratch scratch(device);
  std::vector<Score> scores;
  std::vector<std::uint32_t> masks;
  std::vector<cuda::TopKList> lists;
  std::vector<std::int32_t> expected;
  const bool all_eligible = random.chance(0.3);
  for (std::int64_t list = random.integer(1, 4); list > 0; --list) {
    const std::int64_t count = random.integer(0, random.chance(0.2) ? 600 : 70);
    std::vector<std::int32_t> eligible, chosen;
    std::vector<Score> eligible_scores;
    const auto first_score = static_cast<std::int64_t>(scores.size());
    const auto first_word = static_cast<std::int64_t>(masks.size());
    masks.resize(masks.size() + static_cast<std::size_t>(count + 31) / 32, 0);
    for (std::int32_t i = 0; i < count; ++i) {
      Score score = random.chance(0.5) ? static_cast<Score>(random.integer(0, 3))
                                       : static_cast<Score>(random.uniform());
      if (random.chance(0.05)) score = std::numeric_limits<Score>::quiet_NaN();
      scores.push_back(score);
      if (!all_eligible && random.chance(0.4)) continue;
      masks[static_cast<std::size_t>(first_word + i / 32)] |= 1U << (i % 32);
      eligible.push_back(i);
      eligible_scores.push_back(score);
    }
    const std::int64_t k = random.integer(0, static_cast<std::int64_t>(eligible.size()));
    lists.push_back(
        {first_score, count, k, first_word, static_cast<std::int64_t>(expected.size())});
    top_k(std::span<const Score>(eligible_scores), k, chosen);
    for (const auto i : chosen) expected.push_back(eligible[static_cast<std::size_t>(i)]);
  }
  const auto total = static_cast<std::int64_t>(expected.size());
  auto* indices = device.device_array<std::int32_t>(total);
  const auto* device_masks = device.device_copy(std::span<const std::uint32_t>(masks));
  auto* chosen_scores = random.chance(0.5) ? device.device_array<Score>(total) : nullptr;
  cuda::top_k(device, device.device_copy(std::span<const Score>(scores)),
              all_eligible ? nullptr : device_masks, lists, indices, chosen_scores);
  const auto found = device.host_copy(indices, total);
  device.wait("test");
  ASSERT_EQ(std::vector<std::int32_t>(found.begin(), found.end()), expected);
  if (chosen_scores == nullptr) return;
  const auto found_scores = device.host_copy(chosen_scores, total);
  device.wait("test");
  for (const auto& list : lists)
    for (auto i = static_cast<std::size_t>(list.first_output);
         i < static_cast<std::size_t>(list.first_output + list.k); ++i) {
      const Score score = scores[static_cast<std::size_t>(list.first_score + expected[i])];
      ASSERT_TRUE(found_scores[i] == score || (std::isnan(found_scores[i]) && std::isnan(score)));
    }
}

TEST_P(CudaTopK, IsTheCpus) {
  test::Random random(3401);
  for (std::int64_t round = 0; round < test::cases(10'000, 100); ++round) {
    SCOPED_TRACE(round);
    compare_with_cpu<float>(random, device());
    compare_with_cpu<double>(random, device());
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace sluice::kernels
