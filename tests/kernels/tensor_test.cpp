#include "kernels/tensor.h"

#include <gtest/gtest.h>

#include <limits>

namespace sluice::kernels {
namespace {

TEST(Tensor, KeepsItsMemoryWhenReshapedToLess) {
  Tensor tensor(DType::f32, {4, 8});
  const void* memory = tensor.data();
  tensor.reshape(DType::f16, {3, 8});
  EXPECT_EQ(tensor.data(), memory);
  EXPECT_EQ(tensor.byte_size(), 48u);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % 64, 0u);
}

TEST(Tensor, SlicesAlongTheFirstAxis) {
  std::vector<float> values(24);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  const Tensor tensor = Tensor::from<float>(values, {2, 3, 4});
  const TensorView frame = tensor.view()[1];
  EXPECT_EQ(frame.shape(), (Shape{3, 4}));
  EXPECT_EQ(frame.as<float>()[0], 12.0f);
  EXPECT_EQ(frame[2].as<float>()[3], 23.0f);
}

TEST(Tensor, RefusesWhatItIsNot) {
  const Tensor tensor(DType::f32, {2});
  EXPECT_THROW((void)tensor.as<double>(), Error);
  EXPECT_THROW((void)(Shape{-1}), Error);
  const std::int64_t large = std::numeric_limits<std::int64_t>::max() / 2;
  EXPECT_THROW((void)(Shape{large, 3}), Error);
  EXPECT_THROW((void)(Shape{0, large, 4}), Error);
  EXPECT_THROW((void)(Shape{std::int64_t{1} << 60}), Error);
}

TEST(Tensor, StridedViewsAreNotContiguous) {
  std::vector<float> values(12);
  const std::int64_t strides[] = {1, 3};
  const TensorView transposed(values.data(), DType::f32, {3, 4}, strides);
  EXPECT_FALSE(transposed.is_contiguous());
  EXPECT_THROW((void)transposed.as<float>(), Error);
}

TEST(Tensor, TruncateKeepsTheContents) {
  std::vector<float> values{1, 2, 3, 4, 5, 6};
  Tensor tensor = Tensor::from<float>(values, {3, 2});
  tensor.truncate(2);
  EXPECT_EQ(tensor.shape(), (Shape{2, 2}));
  EXPECT_EQ(tensor.as<float>()[3], 4.0f);
  EXPECT_THROW(tensor.truncate(3), Error);
}

}  // namespace
}  // namespace sluice::kernels
