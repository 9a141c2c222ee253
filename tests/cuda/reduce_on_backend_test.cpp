// A clip in host memory gives the same tokens on every backend, and what happens where CUDA fails.
#include "temporal/reduce_on_backend.h"

#include <cstring>

#include "temporal/reduce.h"
#include "tests/support/cuda_device.h"
#include "tests/support/error_messages.h"
#include "tests/support/random_clip.h"

namespace sluice::temporal {
namespace {

using kernels::Backend;
using kernels::BackendRequest;
using kernels::DType;
using kernels::Tensor;
using kernels::TensorView;

class BackendReductions : public test::CudaTest {
 protected:
  [[nodiscard]] BackendReduction reduced(BackendRequest request, const Tensor& attention = {}) {
    return reduce_on_backend(request, host(), clip_,
                             attention.defined() ? attention.view() : TensorView(), parameters_);
  }

  void expect_the_cpus(const BackendReduction& found, const Tensor& attention = {}) {
    const Reduction expected =
        reduce(host(), clip_, attention.defined() ? attention.view() : TensorView(), parameters_);
    const Reduction& result = found.reduction;
    EXPECT_EQ(result.segments, expected.segments);
    EXPECT_EQ(result.assignment, expected.assignment);
    EXPECT_EQ(result.tokens.frame, expected.tokens.frame);
    EXPECT_EQ(result.tokens.position, expected.tokens.position);
    EXPECT_EQ(result.tokens.weight, expected.tokens.weight);
    EXPECT_EQ(result.frames, expected.frames);
    EXPECT_EQ(result.positions, expected.positions);
    EXPECT_EQ(result.available, expected.available);
    EXPECT_EQ(result.non_finite, expected.non_finite);
    const Tensor &features = result.tokens.features, &wanted = expected.tokens.features;
    ASSERT_EQ(features.shape(), wanted.shape());
    ASSERT_EQ(features.dtype(), wanted.dtype());
    EXPECT_EQ(std::memcmp(features.view().data(), wanted.view().data(), wanted.byte_size()), 0);
  }

  test::Random random_{4711};
  test::ClipShape shape_{9, 20, 24};
  HolitomParameters parameters_;
  Tensor clip_ = test::clip_tensor(test::random_clip(random_, shape_), shape_, DType::f16);
};
SLUICE_INSTANTIATE_CUDA_TEST(BackendReductions);

TEST_P(BackendReductions, AreTheSame) {
  const Tensor attention = test::random_attention(random_, shape_, 5);
  for (const auto request : {BackendRequest::automatic, BackendRequest::cuda, BackendRequest::cpu})
    for (const Tensor* scores : {static_cast<const Tensor*>(nullptr), &attention}) {
      const auto found = scores != nullptr ? reduced(request, *scores) : reduced(request);
      EXPECT_EQ(found.used.backend, request == BackendRequest::cpu ? Backend::cpu : Backend::cuda);
      EXPECT_EQ(found.used.reason, "");
      if (scores != nullptr)
        expect_the_cpus(found, *scores);
      else
        expect_the_cpus(found);
    }
}

TEST_P(BackendReductions, NoDeviceOfThatNumber) {
  const auto found =
      reduce_on_backend(BackendRequest::automatic, host(), clip_, {}, parameters_, 1000);
  EXPECT_EQ(found.used.backend, Backend::cpu);
  EXPECT_CONTAINS(found.used.reason, "no CUDA device 1000");
  expect_the_cpus(found);
  EXPECT_THROW((void)reduce_on_backend(BackendRequest::cuda, host(), clip_, {}, parameters_, 1000),
               Error);
}

TEST_P(BackendReductions, BadInputIsNotTriedTwice) {
  parameters_.retain = 2;
  EXPECT_CONTAINS(test::input_error_of([&] { (void)reduced(BackendRequest::automatic); }),
                  "retain");
}

#if defined(SLUICE_CUDA_EMULATED)
TEST_P(BackendReductions, TooLittleMemory) {
  auto settings = cuda_emulation::settings();
  settings.memory_bytes = cuda_emulation::allocated_bytes() + (8 << 20);  // scratch needs 64 MiB
  cuda_emulation::configure(settings);
  const auto found = reduced(BackendRequest::automatic);
  EXPECT_EQ(found.used.backend, Backend::cpu);
  EXPECT_CONTAINS(found.used.reason, "cudaErrorMemoryAllocation");
  expect_the_cpus(found);
  try {
    (void)reduced(BackendRequest::cuda);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::system);
    EXPECT_CONTAINS(error.what(), "cudaErrorMemoryAllocation");
  }
}

TEST_P(BackendReductions, WhicheverCallFailsTheCpuTakesOver) {
  int failures = 0;
  for (int call = 0; call < 120; call += 13) {
    test::set_thread_order(GetParam());
    cuda_emulation::fail_after(call, cudaErrorIllegalAddress);
    const auto found = reduced(BackendRequest::automatic);
    test::set_thread_order(GetParam());  // the fault may lie beyond
    failures += found.used.backend == Backend::cpu ? 1 : 0;
    EXPECT_EQ(found.used.backend == Backend::cpu, !found.used.reason.empty());
    expect_the_cpus(found);
  }
  EXPECT_GT(failures, 5);
}
#endif

}  // namespace
}  // namespace sluice::temporal
