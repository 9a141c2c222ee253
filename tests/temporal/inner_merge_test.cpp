// The inner merge against a plain double-precision version of its definition.
#include "temporal/inner_merge.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "stream/token_batch.h"
#include "tests/support/error_messages.h"
#include "tests/support/random_clip.h"

namespace sluice::test {
namespace {

using kernels::DType;
using kernels::Tensor;
using temporal::InnerMerge;
using temporal::InnerMergeInput;

constexpr auto not_selected = static_cast<std::int32_t>(stream::DropReason::not_selected);
constexpr auto non_finite = static_cast<std::int32_t>(stream::DropReason::non_finite);

InnerMerge merge(const InnerMergeInput& input, int threads = 1,
                 kernels::InstructionSet set = kernels::default_instruction_set()) {
  kernels::Resources resources(threads, set);
  InnerMerge result;
  inner_merge(resources, input, result);
  return result;
}

std::vector<double> widened(const Tensor& tensor) {
  std::vector<double> values;
  const auto count = static_cast<std::size_t>(tensor.shape().element_count());
  for (std::size_t i = 0; i < count; ++i) {
    if (tensor.dtype() == DType::f32) values.push_back(static_cast<double>(tensor.as<float>()[i]));
    if (tensor.dtype() == DType::f16)
      values.push_back(static_cast<double>(to_float(tensor.as<kernels::Half>()[i])));
    if (tensor.dtype() == DType::bf16)
      values.push_back(static_cast<double>(to_float(tensor.as<kernels::Bfloat16>()[i])));
  }
  return values;
}

/// What must come out.
struct Oracle {
  std::vector<std::int64_t> keep_in_span;
  std::vector<std::int32_t> assignment;
  std::vector<std::vector<double>> rows;  // of the span
  double margin = 1;                      // smallest gap between two cosines that were compared
};

Oracle oracle(const InnerMergeInput& input, const Tensor& hidden) {
  const auto values = widened(hidden);
  const auto width = static_cast<std::size_t>(hidden.size(1));
  const auto n = static_cast<std::size_t>(input.n_in);
  const auto start = static_cast<std::size_t>(input.span_start);
  const auto at = [&](std::size_t i, std::size_t d) { return values[(start + i) * width + d]; };
  const auto broken = [&](std::size_t i) {
    for (std::size_t d = 0; d < width; ++d)
      if (!std::isfinite(at(i, d))) return true;
    return false;
  };
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (broken(a) != broken(b)) return broken(b);
    return !broken(a) && input.attention[start + a] > input.attention[start + b];
  });
  Oracle result;
  result.keep_in_span.assign(order.begin(), order.begin() + input.n_out);
  std::sort(result.keep_in_span.begin(), result.keep_in_span.end());
  std::vector<std::vector<std::size_t>> groups;
  for (const std::int64_t kept : result.keep_in_span)
    groups.push_back({static_cast<std::size_t>(kept)});
  result.assignment.assign(n, not_selected);
  for (std::size_t i = 0; i < n; ++i) {
    const auto own = std::find(result.keep_in_span.begin(), result.keep_in_span.end(),
                               static_cast<std::int64_t>(i));
    if (own != result.keep_in_span.end()) {
      result.assignment[i] =
          static_cast<std::int32_t>(input.span_start + (own - result.keep_in_span.begin()));
      continue;
    }
    if (broken(i)) {
      result.assignment[i] = non_finite;
      continue;
    }
    double best = -2;
    for (std::size_t k = 0; k < groups.size(); ++k) {
      const std::size_t j = groups[k].front();
      if (broken(j)) continue;
      double dot = 0, a = 0, b = 0;
      for (std::size_t d = 0; d < width; ++d) {
        dot += at(i, d) * at(j, d);
        a += at(i, d) * at(i, d);
        b += at(j, d) * at(j, d);
      }
      const double cosine = a * b > 0 ? dot / std::sqrt(a * b) : 0;
      if (best > -2 && cosine != best)
        result.margin = std::min(result.margin, std::abs(cosine - best));
      if (cosine <= best) continue;
      best = cosine;
      result.assignment[i] =
          static_cast<std::int32_t>(input.span_start + static_cast<std::int64_t>(k));
    }
    if (best > -2)
      groups[static_cast<std::size_t>(result.assignment[i] - input.span_start)].push_back(i);
  }
  for (const auto& group : groups) {
    std::vector<double> row(width);
    for (std::size_t d = 0; d < width; ++d) {
      if (input.running) {
        row[d] = at(group.front(), d);
        for (std::size_t m = 1; m < group.size(); ++m) row[d] = (row[d] + at(group[m], d)) / 2;
      } else {
        for (const std::size_t member : group) row[d] += at(member, d);
        row[d] /= static_cast<double>(group.size());
      }
    }
    result.rows.push_back(row);
  }
  return result;
}

void expect_like_oracle(const InnerMergeInput& input, const Tensor& hidden,
                        const InnerMerge& result) {
  const Oracle expected = oracle(input, hidden);
  ASSERT_EQ(result.keep_in_span, expected.keep_in_span);
  if (expected.margin < 1e-12) return;  // the oracle's own sums can't tell
  ASSERT_EQ(result.assignment, expected.assignment);
  const auto rows = widened(result.hidden);
  const auto width = static_cast<std::size_t>(hidden.size(1));
  const double tolerance = hidden.dtype() == DType::f32   ? 1e-5
                           : hidden.dtype() == DType::f16 ? 4e-3
                                                          : 3e-2;
  for (std::size_t k = 0; k < expected.rows.size(); ++k)
    for (std::size_t d = 0; d < width; ++d) {
      const double value = rows[(static_cast<std::size_t>(input.span_start) + k) * width + d];
      if (std::isnan(expected.rows[k][d])) {
        EXPECT_TRUE(std::isnan(value));
      } else if (std::isinf(expected.rows[k][d])) {
        EXPECT_EQ(value, expected.rows[k][d]);
      } else {
        EXPECT_NEAR(value, expected.rows[k][d], tolerance * (1 + std::abs(expected.rows[k][d])));
      }
    }
}

TEST(InnerMerge, MeanOfAGroupAndRunningMean) {
  // Kept 8; 4 arrives, then 2: mean 14/3, running ((8 + 4)/2 + 2)/2 = 4.
  const Tensor hidden = Tensor::from<float>(std::vector<float>{8, 4, 2}, {3, 1});
  const std::vector<double> attention{3, 2, 1};
  InnerMergeInput input{.hidden = hidden, .attention = attention, .n_in = 3, .n_out = 1};
  EXPECT_FLOAT_EQ(merge(input).hidden.as<float>()[0], 14.0F / 3);
  input.running = true;
  const InnerMerge running = merge(input);
  EXPECT_EQ(running.hidden.as<float>()[0], 4);
  EXPECT_EQ(running.weight, (std::vector<std::int64_t>{3}));
}

TEST(InnerMerge, EqualsThePlainVersion) {
  for (std::int64_t seed = 0; seed < cases(2000, 10); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(static_cast<std::uint64_t>(seed));
    const ClipShape shape{1, random.integer(1, 70), random.integer(1, 40)};
    const ClipOptions options{.broken = random.chance(0.3) ? 0.1 : 0.0,
                              .zero = random.chance(0.3) ? 0.1 : 0.0,
                              .twin = 0.2};
    const DType dtype = std::array{DType::f32, DType::f16,
                                   DType::bf16}[static_cast<std::size_t>(random.integer(0, 2))];
    Tensor hidden = clip_tensor(random_clip(random, shape, options), shape, dtype);
    Tensor flat(dtype, {shape.positions, shape.width});
    std::copy_n(static_cast<const std::byte*>(hidden.data()), hidden.byte_size(),
                static_cast<std::byte*>(flat.data()));
    std::vector<double> attention;
    for (std::int64_t i = 0; i < shape.positions; ++i)
      attention.push_back(random.chance(0.3) ? 1.0 : random.uniform());
    InnerMergeInput input{.hidden = flat, .attention = attention};
    input.span_start = random.integer(0, shape.positions);
    input.n_in = random.integer(0, shape.positions - input.span_start);
    input.n_out = random.integer(0, input.n_in);
    input.running = random.chance(0.3);
    const InnerMerge result = merge(input);
    expect_like_oracle(input, flat, result);

    // Whatever is outside the span stays as it is, and everything is accounted for.
    EXPECT_EQ(std::ssize(result.keep), shape.positions - input.n_in + input.n_out);
    EXPECT_TRUE(std::is_sorted(result.keep.begin(), result.keep.end()));
    const auto lost = std::count_if(result.assignment.begin(), result.assignment.end(),
                                    [](std::int32_t row) { return row < 0; });
    EXPECT_EQ(std::accumulate(result.weight.begin(), result.weight.end(), std::int64_t{0}) + lost,
              input.n_in);
    const auto bytes = static_cast<std::size_t>(shape.width) * item_size(dtype);
    for (std::size_t row = 0; row < result.keep.size(); ++row) {
      const std::int64_t from = result.keep[row];
      if (from >= input.span_start && from < input.span_start + input.n_in) continue;
      EXPECT_EQ(std::memcmp(result.hidden.view().row(static_cast<std::int64_t>(row)),
                            flat.view().row(from), bytes),
                0);
    }
  }
}

TEST(InnerMerge, IsTheSameOnEveryInstructionSetAndThreadCount) {
  Random random(7);
  const ClipShape shape{1, 300, 257};
  const Tensor clip = clip_tensor(random_clip(random, shape, {.twin = 0.5}), shape, DType::f16);
  const kernels::TensorView hidden(clip.data(), DType::f16, {shape.positions, shape.width});
  std::vector<double> attention(300);
  for (double& value : attention) value = random.uniform();
  const InnerMergeInput input{
      .hidden = hidden, .attention = attention, .span_start = 10, .n_in = 280, .n_out = 90};
  const InnerMerge first = merge(input);
  for (const auto set : kernels::available_instruction_sets())
    for (const int threads : {1, 3}) {
      const InnerMerge other = merge(input, threads, set);
      EXPECT_EQ(other.assignment, first.assignment);
      EXPECT_EQ(std::memcmp(other.hidden.data(), first.hidden.data(), first.hidden.byte_size()), 0);
    }
}

TEST(InnerMerge, NearDuplicatesAreToldApartInDoublePrecision) {
  // Both kept rows are the joining one up to the last bits of f32; the second is closer.
  const std::int64_t width = 512;
  std::vector<float> values;
  for (std::int64_t d = 0; d < width; ++d) values.push_back(d == 0 ? 1.0F + 0x1p-12F : 1.0F);
  for (std::int64_t d = 0; d < width; ++d) values.push_back(d == 0 ? 1.0F + 0x1p-13F : 1.0F);
  values.insert(values.end(), static_cast<std::size_t>(width), 1.0F);
  const Tensor hidden = Tensor::from<float>(values, {3, width});
  const std::vector<double> attention{3, 2, 1};
  const InnerMergeInput input{.hidden = hidden, .attention = attention, .n_in = 3, .n_out = 2};
  for (const auto set : kernels::available_instruction_sets())
    EXPECT_EQ(merge(input, 1, set).assignment, (std::vector<std::int32_t>{0, 1, 1}));
}

TEST(InnerMerge, WithoutAttentionTheOutstandingStay) {
  std::vector<float> values(6 * 4, 1.0F);
  values[2 * 4] = -5;  // row 2 points elsewhere
  values[4 * 4 + 1] = -5;
  const Tensor hidden = Tensor::from<float>(values, {6, 4});
  const InnerMerge result = merge({.hidden = hidden, .n_in = 6, .n_out = 2});
  EXPECT_EQ(result.keep_in_span, (std::vector<std::int64_t>{2, 4}));
}

TEST(InnerMerge, BrokenTokensComeLastAndSpoilNothing) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor hidden = Tensor::from<float>(std::vector<float>{nan, 1, 2, 3, 4, 5}, {3, 2});
  const std::vector<double> attention{9, 1, std::numeric_limits<double>::quiet_NaN()};
  InnerMergeInput input{.hidden = hidden, .attention = attention, .n_in = 3, .n_out = 2};
  const InnerMerge two = merge(input);
  EXPECT_EQ(two.keep_in_span, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(two.assignment, (std::vector<std::int32_t>{non_finite, 0, 1}));
  input.n_out = 3;
  EXPECT_EQ(merge(input).assignment, (std::vector<std::int32_t>{0, 1, 2}));
  input.n_out = 0;
  EXPECT_EQ(merge(input).assignment,
            (std::vector<std::int32_t>{non_finite, not_selected, not_selected}));
}

TEST(InnerMerge, LargeStatesDoNotOverflow) {
  const Tensor hidden = Tensor::from<float>(std::vector<float>{3e38F, 3e38F, 3e38F}, {3, 1});
  const std::vector<double> attention{3, 2, 1};
  InnerMergeInput input{.hidden = hidden, .attention = attention, .n_in = 3, .n_out = 1};
  EXPECT_EQ(merge(input).hidden.as<float>()[0], 3e38F);
  input.running = true;
  EXPECT_EQ(merge(input).hidden.as<float>()[0], 3e38F);
}

TEST(InnerMerge, RefusesWhatDoesNotFit) {
  const Tensor hidden(DType::f32, {4, 2});
  const std::vector<double> attention(4);
  const InnerMergeInput good{.hidden = hidden, .attention = attention, .n_in = 4, .n_out = 2};
  const auto refusal = [&](auto change) {
    InnerMergeInput input = good;
    change(input);
    return input_error_of([&] { (void)merge(input); });
  };
  const Tensor cube(DType::f32, {4, 2, 1});
  const Tensor integers(DType::i32, {4, 2});
  EXPECT_CONTAINS(refusal([&](auto& input) { input.hidden = cube; }), "hidden");
  EXPECT_CONTAINS(refusal([&](auto& input) { input.hidden = integers; }), "i32");
  EXPECT_CONTAINS(refusal([&](auto& input) { input.attention = input.attention.first(3); }),
                  "attention: 3 values");
  EXPECT_CONTAINS(refusal([](auto& input) { input.span_start = 1; }), "span within the 4 tokens");
  EXPECT_CONTAINS(refusal([](auto& input) { input.n_in = -1; }), "span within");
  EXPECT_CONTAINS(refusal([](auto& input) { input.n_out = 5; }), "0 to 4");
}

}  // namespace
}  // namespace sluice::test
