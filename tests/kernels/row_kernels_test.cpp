// The inner loops against plain ones, for every instruction set and every remainder of a vector.
#include "kernels/cpu/row_kernels.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "tests/support/random_clip.h"

namespace sluice::kernels {
namespace {

class RowKernels : public ::testing::TestWithParam<InstructionSet> {
 protected:
  const cpu::RowKernels& kernels() const { return resources_.rows(); }

 private:
  Resources resources_{1, GetParam()};
};

TEST_P(RowKernels, StoreRoundsLikeTheConversionOfOneNumber) {
  // Every exponent and sign, with fractions at and beside the ties of both types; infinities, NaN
  // and subnormal numbers are among them.
  std::vector<float> values;
  for (std::uint32_t upper = 0; upper < 1U << 9; ++upper)
    for (const std::uint32_t fraction :
         {0x0U, 0x1U, 0xfffU, 0x1000U, 0x1001U, 0x3000U, 0x7fffU, 0x8000U, 0x8001U, 0x18000U,
          0x400000U, 0x7fe000U, 0x7fefffU, 0x7ff000U, 0x7fffffU})
      values.push_back(std::bit_cast<float>(upper << 23 | fraction));
  test::Random random(61);
  const std::int64_t more = test::cases(2'000'000);
  for (std::int64_t i = 0; i < more; ++i)
    values.push_back(
        std::bit_cast<float>(static_cast<std::uint32_t>(random.integer(0, 0xffffffff))));

  const auto n = static_cast<std::int64_t>(values.size());
  std::vector<Half> halves(values.size());
  kernels().store(halves.data(), values.data(), DType::f16, n);
  std::vector<Bfloat16> bfloats(values.size());
  kernels().store(bfloats.data(), values.data(), DType::bf16, n);
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(halves[i].bits, to_half(values[i]).bits) << std::bit_cast<std::uint32_t>(values[i]);
    ASSERT_EQ(bfloats[i].bits, to_bfloat16(values[i]).bits)
        << std::bit_cast<std::uint32_t>(values[i]);
  }
}

TEST_P(RowKernels, StoreWritesNoMoreThanItsRow) {
  const std::vector<float> values(70, 1.0F);
  for (const DType dtype : {DType::f32, DType::f16, DType::bf16})
    for (std::int64_t n = 0; n <= 64; ++n) {
      std::vector<unsigned char> row(70 * 4, 0xee);
      kernels().store(row.data(), values.data(), dtype, n);
      const auto end = static_cast<std::size_t>(n) * item_size(dtype);
      for (std::size_t i = end; i < row.size(); ++i) ASSERT_EQ(row[i], 0xee) << n;
      ASSERT_TRUE(end == 0 || row[end - 1] != 0xee);
    }
}

TEST_P(RowKernels, MeanRowsAddsInOrderAndDivides) {
  test::Random random(62);
  constexpr std::int64_t stride = 300;
  std::vector<float> rows(9 * stride);
  for (float& value : rows) value = random.normal();
  const std::vector<std::int32_t> index{7, 0, 3, 3, 8, 1, 2};
  for (const std::int64_t n : {1, 15, 16, 17, 31, 63, 64, 65, 127, 128, 129, 200, 256, 299})
    for (const std::int64_t count : {1, 2, 7}) {
      std::vector<float> mean(static_cast<std::size_t>(n) + 1, -1.0F);
      ASSERT_TRUE(kernels().mean_rows(mean.data(), rows.data(), stride, index.data(), count,
                                      DType::f32, n));
      for (std::int64_t d = 0; d < n; ++d) {
        float sum = rows[static_cast<std::size_t>(index[0] * stride + d)];
        for (std::size_t i = 1; i < static_cast<std::size_t>(count); ++i)
          sum += rows[static_cast<std::size_t>(index[i] * stride + d)];
        ASSERT_EQ(mean[static_cast<std::size_t>(d)], sum / static_cast<float>(count));
      }
      ASSERT_EQ(mean[static_cast<std::size_t>(n)], -1.0F) << "wrote beyond the row";
    }
}

TEST_P(RowKernels, MeanRowsReportsWhatIsNotFinite) {
  constexpr std::int64_t n = 150;
  const std::vector<std::int32_t> index{0, 1};
  for (const float value : {3e38F, std::nanf(""), INFINITY, -INFINITY})
    for (std::size_t at = 0; at < n; ++at) {
      std::vector<float> rows(2 * n, 1.0F), mean(n);
      const auto is_finite = [&] {
        return kernels().mean_rows(mean.data(), rows.data(), n, index.data(), 2, DType::f32, n);
      };
      ASSERT_TRUE(is_finite());
      rows[at] = rows[n + at] = value;
      ASSERT_FALSE(is_finite()) << at;
    }
}

INSTANTIATE_TEST_SUITE_P(EveryInstructionSet, RowKernels,
                         ::testing::ValuesIn(available_instruction_sets()),
                         [](const auto& set) { return std::string(name(set.param)); });

}  // namespace
}  // namespace sluice::kernels
