#include "kernels/tensor.h"

#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

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

/// Six numbers of somebody else's, and who holds on to them.
struct Lender {
  std::shared_ptr<std::vector<float>> values = std::make_shared<std::vector<float>>(6);

  Lender() { std::iota(values->begin(), values->end(), 1.0f); }
  [[nodiscard]] TensorView view() const { return {values->data(), DType::f32, {3, 2}}; }
  [[nodiscard]] Tensor lend() const { return Tensor::borrow(view(), values); }
  [[nodiscard]] bool is_held() const { return values.use_count() > 1; }
};

TEST(BorrowedTensor, ReadsWhereItLiesAndHoldsTheOwner) {
  const Lender lender;
  {
    const Tensor tensor = lender.lend();
    EXPECT_TRUE(tensor.is_borrowed());
    EXPECT_EQ(tensor.data(), lender.values->data());
    EXPECT_EQ(tensor.shape(), (Shape{3, 2}));
    EXPECT_EQ(tensor.as<float>()[5], 6.0f);
    EXPECT_EQ(TensorView(tensor).row(1), static_cast<const void*>(lender.values->data() + 2));
    EXPECT_EQ(tensor.byte_size(), 24u);
    lender.values->front() = 7;
    EXPECT_EQ(tensor.as<float>()[0], 7.0f);
    EXPECT_TRUE(lender.is_held());
  }
  EXPECT_FALSE(lender.is_held());
}

TEST(BorrowedTensor, CannotBeWritten) {
  const Lender lender;
  Tensor tensor = lender.lend();
  EXPECT_THROW((void)tensor.data(), Error);
  EXPECT_THROW((void)tensor.as<float>(), Error);
  EXPECT_EQ(std::as_const(tensor).as<float>()[0], 1.0f);
  tensor.reshape(DType::f32, {3, 2});
  tensor.as<float>()[0] = 9;
  EXPECT_EQ(lender.values->front(), 1.0f);
}

TEST(BorrowedTensor, MovesItsOwnerAlong) {
  const Lender lender;
  Tensor from = lender.lend();
  Tensor to = Tensor::from<float>(std::vector<float>{1}, {1});
  to = std::move(from);
  EXPECT_TRUE(to.is_borrowed());
  EXPECT_FALSE(from.is_borrowed());  // NOLINT: what is left behind shows nothing of it
  EXPECT_EQ(std::as_const(from).data(), nullptr);
  EXPECT_EQ(std::as_const(to).data(), lender.values->data());
  Tensor own(DType::f32, {4});
  std::swap(own, to);
  EXPECT_TRUE(own.is_borrowed());
  EXPECT_NE(to.data(), nullptr);
  EXPECT_EQ(lender.values.use_count(), 2);
}

TEST(BorrowedTensor, LetsGoWhenReshapedOrAssigned) {
  const Lender lender;
  Tensor tensor = lender.lend();
  tensor.reshape(tensor.dtype(), tensor.shape());  // nothing to grow, and yet new memory
  EXPECT_FALSE(lender.is_held());
  EXPECT_FALSE(tensor.is_borrowed());
  EXPECT_EQ(tensor.shape(), (Shape{3, 2}));
  EXPECT_NE(tensor.data(), lender.values->data());
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.data()) % 64, 0u);
  tensor = lender.lend();
  tensor = {};
  EXPECT_FALSE(lender.is_held());
  EXPECT_FALSE(tensor.defined());
}

TEST(BorrowedTensor, IsTruncatedAndClonedLikeAnyOther) {
  const Lender lender;
  Tensor tensor = lender.lend();
  tensor.truncate(2);
  EXPECT_TRUE(tensor.is_borrowed());
  Tensor copy = tensor.clone();
  EXPECT_FALSE(copy.is_borrowed());
  EXPECT_EQ(copy.shape(), (Shape{2, 2}));
  EXPECT_EQ(copy.as<float>()[3], 4.0f);
}

TEST(BorrowedTensor, BecomesItsOwnByACopyOfItself) {
  Lender lender;
  Tensor tensor = lender.lend();
  const std::weak_ptr<std::vector<float>> watched = lender.values;
  lender.values.reset();  // the tensor is the last to hold them
  tensor.copy_from(tensor.view());
  EXPECT_TRUE(watched.expired());
  EXPECT_FALSE(tensor.is_borrowed());
  EXPECT_EQ(tensor.as<float>()[5], 6.0f);
}

TEST(BorrowedTensor, NeedsNoOwnerAndNoElements) {
  const std::vector<float> values{1, 2};
  const Tensor tensor = Tensor::borrow({values.data(), DType::f32, {2}});
  EXPECT_EQ(tensor.data(), values.data());
  const Tensor empty = Tensor::borrow({nullptr, DType::f16, {0, 8}});
  EXPECT_EQ(empty.shape(), (Shape{0, 8}));
  EXPECT_EQ(empty.dtype(), DType::f16);
  EXPECT_TRUE(empty.defined());
}

TEST(BorrowedTensor, RefusesWhatItCouldNotRead) {
  const std::vector<float> values(12);
  const std::int64_t strides[] = {1, 3};
  EXPECT_THROW((void)Tensor::borrow({values.data(), DType::f32, {3, 4}, strides}), Error);
  const Device device{Device::Kind::cuda, 0};
  EXPECT_THROW((void)Tensor::borrow({values.data(), DType::f32, {12}, device}), Error);
}

}  // namespace
}  // namespace sluice::kernels
