#include "kernels/max_min.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <numeric>

#include "kernels/cpu/row_kernels.h"
#include "tests/support/max_min_oracle.h"
#include "tests/support/random_clip.h"

namespace sluice::kernels {
namespace {

std::vector<std::int32_t> all_of(std::int64_t n) {
  std::vector<std::int32_t> rows(static_cast<std::size_t>(n));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

TEST(MaxMin, MicroVector) {  // worked out by hand
  Resources resources(1);
  Tensor features(DType::f32, {4, 2});
  std::size_t at = 0;
  for (const double degrees : {0, 10, 100, 200}) {
    features.as<float>()[at++] = static_cast<float>(std::cos(degrees * std::numbers::pi / 180));
    features.as<float>()[at++] = static_cast<float>(std::sin(degrees * std::numbers::pi / 180));
  }
  MaxMinWorkspace workspace;
  std::vector<std::int32_t> kept;
  max_min(resources, features.view(), all_of(4), 2, workspace, kept);
  EXPECT_EQ(kept, (std::vector<std::int32_t>{1, 3}));
}

TEST(MaxMin, AgreesWithTheDefinition) {
  Resources resources(1);
  test::Random random(801);
  MaxMinWorkspace workspace;
  std::vector<std::int32_t> kept;
  std::int64_t compared = 0;
  for (std::int64_t round = 0; round < test::cases(10'000); ++round) {
    const std::int64_t n = random.integer(1, 40), width = random.integer(1, 24);
    const auto dtype = random.chance(0.5)   ? DType::f32
                       : random.chance(0.5) ? DType::f16
                                            : DType::bf16;
    const auto clip =
        test::clip_tensor(test::random_clip(random, {1, n, width}, {.zero = 0.05, .twin = 0.3}),
                          {1, n, width}, dtype);
    std::vector<std::vector<double>> rows;
    Tensor wide(DType::f32, {n, width});
    for (std::int64_t i = 0; i < n; ++i) {
      auto target = wide.as<float>().subspan(static_cast<std::size_t>(i * width),
                                             static_cast<std::size_t>(width));
      resources.rows().load(target.data(), clip.view()[0].row(i), dtype, width);
      rows.emplace_back(target.begin(), target.end());
    }
    const std::int64_t keep = random.integer(0, n);
    const auto oracle = test::max_min_oracle(rows, keep);
    max_min(resources, clip.view()[0], all_of(n), keep, workspace, kept);
    ASSERT_EQ(static_cast<std::int64_t>(kept.size()), keep);
    if (oracle.margin < 1e-12) continue;  // rounding of the oracle itself decides
    ++compared;
    ASSERT_EQ(kept, oracle.kept) << "round " << round;
  }
  EXPECT_GT(compared, test::cases(10'000) / 3);
}

TEST(MaxMin, TellsNearDuplicatesApart) {
  Resources resources(1);
  test::Random random(802);
  MaxMinWorkspace workspace;
  std::vector<std::int32_t> kept;
  std::int64_t compared = 0;
  for (std::int64_t round = 0; round < test::cases(2'000); ++round) {
    const std::int64_t n = random.integer(4, 24), width = 64;
    Tensor features(DType::f32, {n, width});
    auto values = features.as<float>();
    std::vector<std::vector<double>> rows(static_cast<std::size_t>(n));
    for (std::int64_t i = 0; i < n; ++i)
      for (std::int64_t d = 0; d < width; ++d) {
        const auto at = static_cast<std::size_t>(i * width + d);
        const double base =
            i == 0 ? random.normal() : static_cast<double>(values[static_cast<std::size_t>(d)]);
        values[at] = static_cast<float>(base + (i == 0 ? 0 : 1e-4 * random.normal()));
        rows[static_cast<std::size_t>(i)].push_back(static_cast<double>(values[at]));
      }
    const std::int64_t keep = random.integer(1, n - 1);
    const auto oracle = test::max_min_oracle(rows, keep);
    max_min(resources, features.view(), all_of(n), keep, workspace, kept);
    if (oracle.margin < 1e-13) continue;
    ++compared;
    ASSERT_EQ(kept, oracle.kept) << "round " << round;
  }
  EXPECT_GT(compared, test::cases(2'000) / 2);
}

TEST(MaxMin, SameOnEveryInstructionSetAndThreadCount) {
  test::Random random(803);
  MaxMinWorkspace workspace;
  for (std::int64_t round = 0; round < test::cases(200); ++round) {
    const std::int64_t n = 60, width = random.integer(1, 300);
    const auto clip = test::clip_tensor(
        test::random_clip(random, {1, n, width}, {.zero = 0.02, .twin = 0.3}), {1, n, width});
    std::vector<std::int32_t> expected, kept;
    Resources reference(1);
    max_min(reference, clip.view()[0], all_of(n), 20, workspace, expected);
    for (const auto set : available_instruction_sets())
      for (const int threads : {1, 3}) {
        Resources resources(threads, set);
        max_min(resources, clip.view()[0], all_of(n), 20, workspace, kept);
        ASSERT_EQ(kept, expected) << name(set) << ", " << threads << " threads, round " << round;
      }
  }
}

TEST(MaxMin, CandidatesAreAChoiceOfRows) {
  Resources resources(1);
  Tensor features(DType::f32, {5, 2});
  const float values[] = {9, 9, 1, 0, 1, 0.01F, 0, 1, -1, 0};
  std::copy(std::begin(values), std::end(values), features.as<float>().begin());
  MaxMinWorkspace workspace;
  std::vector<std::int32_t> kept;
  max_min(resources, features.view(), std::vector<std::int32_t>{1, 2, 4}, 2, workspace, kept);
  EXPECT_EQ(kept.size(), 2u);
  EXPECT_EQ(kept.back(), 2) << "the opposite direction";
}

TEST(MaxMin, RefusesWhatDoesNotFit) {
  Resources resources(1);
  MaxMinWorkspace workspace;
  std::vector<std::int32_t> kept;
  const Tensor features(DType::f32, {3, 2});
  EXPECT_THROW(
      max_min(resources, features.view(), std::vector<std::int32_t>{3}, 1, workspace, kept), Error);
  const Tensor indices(DType::i32, {3, 2});
  EXPECT_THROW(max_min(resources, indices.view(), std::vector<std::int32_t>{0}, 1, workspace, kept),
               Error);
}

}  // namespace
}  // namespace sluice::kernels
