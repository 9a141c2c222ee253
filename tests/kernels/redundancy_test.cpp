#include "kernels/redundancy.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/random_clip.h"

namespace sluice::kernels {
namespace {

using test::ClipOptions;
using test::ClipShape;
using test::Random;

std::vector<TensorView> frames_of(const Tensor& clip) {
  std::vector<TensorView> frames;
  for (std::int64_t f = 0; f < clip.size(0); ++f) frames.push_back(clip.view()[f]);
  return frames;
}

double element(const Tensor& clip, std::size_t index) {
  if (clip.dtype() == DType::f16) return static_cast<double>(to_float(clip.as<Half>()[index]));
  if (clip.dtype() == DType::bf16) return static_cast<double>(to_float(clip.as<Bfloat16>()[index]));
  return static_cast<double>(clip.as<float>()[index]);
}

/// The oracle: cosine of two rows in plain double loops; NaN where it is undefined.
double cosine(const Tensor& clip, std::int64_t f, std::int64_t p) {
  const std::int64_t positions = clip.size(1);
  const std::int64_t width = clip.size(2);
  double dot = 0, a2 = 0, b2 = 0;
  for (std::int64_t d = 0; d < width; ++d) {
    const double a = element(clip, static_cast<std::size_t>((f * positions + p) * width + d));
    const double b = element(clip, static_cast<std::size_t>(((f + 1) * positions + p) * width + d));
    dot += a * b;
    a2 += a * a;
    b2 += b * b;
  }
  const double length = std::sqrt(a2 * b2);
  return length > 0 && std::isfinite(length) ? dot / length : std::nan("");
}

TEST(Redundancy, AgreesWithADoubleOracleOnEveryTypeAndInstructionSet) {
  Random random(21);
  for (const auto set : available_instruction_sets()) {
    Resources resources(2, set);
    for (const DType dtype : {DType::f32, DType::f16, DType::bf16})
      for (const std::int64_t width : {1, 5, 16, 31, 32, 33, 100, 1152}) {
        const ClipShape shape{5, 7, width};
        ClipOptions options;
        options.noise = 0.6;
        options.zero = 0.05;
        options.broken = 0.05;
        const Tensor clip =
            test::clip_tensor(test::random_clip(random, shape, options), shape, dtype);
        RedundancyMap map;
        redundancy_map(resources, frames_of(clip), 0.8, map);
        for (std::int64_t f = 0; f + 1 < shape.frames; ++f)
          for (std::int64_t p = 0; p < shape.positions; ++p) {
            const auto at = static_cast<std::size_t>(f * shape.positions + p);
            const double expected = cosine(clip, f, p);
            if (std::isnan(expected)) {
              ASSERT_TRUE(std::isnan(map.similarity[at]));
              ASSERT_EQ(map.redundant[at], 0);
              continue;
            }
            ASSERT_NEAR(static_cast<double>(map.similarity[at]), expected, 1e-5);
            if (std::abs(expected - 0.8) > 1e-12) {
              ASSERT_EQ(map.redundant[at] != 0, expected > 0.8)
                  << name(set) << " " << name(dtype) << " width " << width;
            }
          }
      }
  }
}

TEST(Redundancy, ValuesTooCloseForSinglePrecisionAreDecidedInDouble) {
  // Two rows whose cosine differs from the threshold by 1e-9, on both sides.
  const double tau = 0.8;
  for (const double offset : {-1e-9, 1e-9}) {
    const double cosine_wanted = tau + offset;
    // Second row = c·e0 + s·e1, with c and s split over two floats each so that f32 rows hold it.
    const double c = cosine_wanted;
    const double s = std::sqrt(1 - c * c);
    const ClipShape shape{2, 1, 4};
    std::vector<float> values(8, 0.0f);
    values[0] = 1.0f;
    values[4] = static_cast<float>(c);
    values[5] = static_cast<float>(s);
    const Tensor clip = test::clip_tensor(values, shape);
    const double actual = cosine(clip, 0, 0);
    for (const auto set : available_instruction_sets()) {
      Resources resources(1, set);
      RedundancyMap map;
      for (const double threshold : {actual - 1e-13, actual + 1e-13}) {
        redundancy_map(resources, frames_of(clip), threshold, map);
        EXPECT_EQ(map.redundant[0] != 0, actual > threshold);
      }
    }
  }
}

TEST(Redundancy, HugeAndTinyRowsDontOverflow) {
  for (const float scale : {1e-30f, 1e-20f, 1e18f, 1e30f, 3e37f}) {
    const ClipShape shape{2, 1, 40};
    Random random(3);
    auto values = test::random_clip(random, shape, {.repeat = 1.0, .noise = 0.01});
    for (auto& value : values) value *= scale;
    const Tensor clip = test::clip_tensor(values, shape);
    Resources resources(1);
    RedundancyMap map;
    redundancy_map(resources, frames_of(clip), 0.9, map);
    EXPECT_EQ(map.redundant[0], 1) << scale;
    EXPECT_EQ(map.finite[0], 1) << scale;
    EXPECT_NEAR(static_cast<double>(map.similarity[0]), cosine(clip, 0, 0), 1e-5);
  }
}

TEST(Redundancy, IsStrict) {
  const ClipShape shape{2, 1, 3};
  const Tensor clip = test::clip_tensor({1, 2, 3, 1, 2, 3}, shape);
  Resources resources(1);
  RedundancyMap map;
  redundancy_map(resources, frames_of(clip), 1.0, map);
  EXPECT_EQ(map.redundant[0], 0) << "identical rows are not above 1";
  redundancy_map(resources, frames_of(clip), 0.999999, map);
  EXPECT_EQ(map.redundant[0], 1);
}

TEST(Redundancy, FrameByFrameGivesTheSameBits) {
  Random random(8);
  for (const ClipShape shape : {ClipShape{6, 50, 70}, ClipShape{600, 21, 9}}) {
    const Tensor clip = test::clip_tensor(
        test::random_clip(random, shape, {.noise = 0.5, .broken = 0.02, .zero = 0.02}), shape);
    Resources resources(2);
    RedundancyMap map;
    redundancy_map(resources, frames_of(clip), 0.85, map);
    const auto positions = static_cast<std::size_t>(shape.positions);
    std::vector<std::uint8_t> redundant(positions), finite(positions);
    std::vector<float> similarity(positions);
    for (std::int64_t f = 0; f < shape.frames; ++f) {
      compare_frames(resources, f == 0 ? TensorView() : clip.view()[f - 1], clip.view()[f], 0.85,
                     redundant, similarity, finite);
      for (std::size_t p = 0; p < positions; ++p) {
        const std::size_t at = static_cast<std::size_t>(f) * positions + p;
        ASSERT_EQ(finite[p], map.finite[at]) << "frame " << f;
        if (f == 0) continue;
        ASSERT_EQ(redundant[p], map.redundant[at - positions]) << "frame " << f;
        ASSERT_EQ(std::bit_cast<std::uint32_t>(similarity[p]),
                  std::bit_cast<std::uint32_t>(map.similarity[at - positions]))
            << "frame " << f;
      }
    }
  }
}

TEST(Redundancy, RejectsFramesThatDontMatch) {
  const Tensor a(DType::f32, {3, 4});
  const Tensor b(DType::f32, {2, 4});
  const Tensor c(DType::f16, {3, 4});
  const Tensor d(DType::i32, {3, 4});
  Resources resources(1);
  RedundancyMap map;
  for (const auto& other : {a.view(), b.view(), c.view(), d.view()}) {
    const TensorView frames[] = {a.view(), other};
    if (other.data() == a.data()) continue;
    EXPECT_THROW(redundancy_map(resources, frames, 0.8, map), Error);
  }
  EXPECT_THROW(redundancy_map(resources, {}, 0.8, map), Error);
}

}  // namespace
}  // namespace sluice::kernels
