// Promise 2: same input, same output: bit-identical across runs and thread counts, and the same
// kept set on every instruction set.
#include <gtest/gtest.h>

#include <cstring>

#include "temporal/reduce.h"
#include "tests/support/random_clip.h"

namespace sluice {
namespace {

using kernels::DType;
using kernels::TensorView;

temporal::Reduction reduce_on(int threads, kernels::InstructionSet set, const kernels::Tensor& clip,
                              const kernels::Tensor& attention,
                              const temporal::HolitomParameters& parameters) {
  kernels::Resources resources(threads, set);
  return temporal::reduce(resources, clip, attention.defined() ? attention.view() : TensorView(),
                          parameters);
}

void expect_same_set(const temporal::Reduction& a, const temporal::Reduction& b) {
  ASSERT_EQ(a.segments, b.segments);
  ASSERT_EQ(a.assignment, b.assignment);
  ASSERT_EQ(a.tokens.frame, b.tokens.frame);
  ASSERT_EQ(a.tokens.position, b.tokens.position);
  ASSERT_EQ(a.tokens.weight, b.tokens.weight);
  ASSERT_EQ(a.redundancy.redundant, b.redundancy.redundant);
}

TEST(Promise2SameOutput, AcrossThreadCountsAndInstructionSets) {
  test::Random random(201);
  for (std::int64_t round = 0; round < test::cases(400, 10); ++round) {
    const test::ClipShape shape{random.integer(1, 12), random.integer(1, 80),
                                random.integer(1, 600)};
    test::ClipOptions options;
    options.repeat = 0.8;
    options.noise = random.between(0.05, 0.8);
    options.twin = 0.1;
    options.broken = 0.005;
    const DType dtype = random.chance(0.5)   ? DType::f32
                        : random.chance(0.5) ? DType::f16
                                             : DType::bf16;
    const auto clip = test::clip_tensor(test::random_clip(random, shape, options), shape, dtype);
    const auto attention =
        random.chance(0.5) ? test::random_attention(random, shape, 4) : kernels::Tensor();
    temporal::HolitomParameters parameters;
    parameters.retain = random.between(0.05, 0.9);
    parameters.contextual = random.chance(0.5) ? 0.3 : 0;
    const auto sets = kernels::available_instruction_sets();
    const auto reference = reduce_on(1, sets.back(), clip, attention, parameters);
    for (const int threads : {1, 2, 4}) {
      const auto again = reduce_on(threads, sets.back(), clip, attention, parameters);
      expect_same_set(reference, again);
      ASSERT_EQ(reference.tokens.features.byte_size(), again.tokens.features.byte_size());
      ASSERT_EQ(0, std::memcmp(reference.tokens.features.data(), again.tokens.features.data(),
                               again.tokens.features.byte_size()))
          << threads << " threads";
    }
    for (const auto set : sets) {
      const auto other = reduce_on(2, set, clip, attention, parameters);
      expect_same_set(reference, other);
      // Features come from sums in a fixed order, so here they are equal to the bit as well.
      ASSERT_EQ(0, std::memcmp(reference.tokens.features.data(), other.tokens.features.data(),
                               other.tokens.features.byte_size()))
          << name(set);
    }
  }
}

TEST(Promise2SameOutput, TiesGoToTheLowestIndex) {
  const test::ClipShape shape{3, 10, 4};
  const auto clip = test::clip_tensor(std::vector<float>(3 * 10 * 4, 1.0f), shape);
  kernels::Tensor attention(DType::f32, {3, 10});
  std::fill_n(attention.as<float>().data(), 30, 0.5f);
  temporal::HolitomParameters parameters;
  parameters.tau = 1.0;  // strict: even identical frames are not redundant
  parameters.retain = 0.3;
  const auto result = reduce_on(2, kernels::default_instruction_set(), clip, attention, parameters);
  EXPECT_EQ(result.tokens.position, (std::vector<std::int32_t>{0, 1, 2, 0, 1, 2, 0, 1, 2}));
}

}  // namespace
}  // namespace sluice
