// Whole clips on the device against temporal::ClipReducer: the same tokens, bit for bit.
#include "temporal/cuda_clip_reducer.h"

#include <cstring>

#include "temporal/reduce.h"
#include "tests/support/cuda_device.h"
#include "tests/support/random_clip.h"

namespace sluice::temporal {
namespace {

using kernels::DType;
using kernels::Tensor;
using kernels::TensorView;
using CudaClips = test::CudaTest;
SLUICE_INSTANTIATE_CUDA_TEST(CudaClips);

void expect_equal(const CudaReduction& found, const Tensor& features, const Reduction& expected) {
  ASSERT_EQ(found.segments, expected.segments);
  ASSERT_EQ(found.available, expected.available);
  ASSERT_EQ(found.non_finite, expected.non_finite);
  ASSERT_EQ(found.tokens.size(), expected.tokens.size());
  EXPECT_EQ(found.tokens.key, expected.tokens.key);
  EXPECT_EQ(found.tokens.frame, expected.tokens.frame);
  EXPECT_EQ(found.tokens.frame_last, expected.tokens.frame_last);
  EXPECT_EQ(found.tokens.pts, expected.tokens.pts);
  EXPECT_EQ(found.tokens.pts_last, expected.tokens.pts_last);
  EXPECT_EQ(found.tokens.position, expected.tokens.position);
  EXPECT_EQ(found.tokens.weight, expected.tokens.weight);
  EXPECT_EQ(found.tokens.kind, expected.tokens.kind);
  EXPECT_EQ(found.tokens.reason, expected.tokens.reason);
  EXPECT_EQ(found.assignment, expected.assignment);
  EXPECT_EQ(found.tokens.source.grid_cols, expected.tokens.source.grid_cols);
  EXPECT_EQ(found.tokens.source.feature_width, expected.tokens.source.feature_width);
  for (std::size_t i = 0; i < found.tokens.score.size(); ++i)
    ASSERT_FLOAT_EQ(found.tokens.score[i], expected.tokens.score[i]);
  ASSERT_EQ(features.byte_size(), expected.tokens.features.byte_size());
  if (features.byte_size() == 0) return;
  const Tensor& wanted = expected.tokens.features;
  EXPECT_EQ(std::memcmp(features.view().data(), wanted.view().data(), features.byte_size()), 0);
}

HolitomParameters random_parameters(test::Random& random) {
  HolitomParameters parameters;
  parameters.retain = random.chance(0.2) ? 1.0 : random.between(0.02, 1.0);
  if (random.chance(0.2)) parameters.budget = random.integer(0, 100);
  parameters.tau = random.between(0.3, 0.99);
  parameters.beta = random.uniform();
  parameters.plain_mean = random.chance(0.2);
  parameters.neighbours = static_cast<int>(random.integer(1, 9));
  if (random.chance(0.4)) parameters.contextual = random.uniform();
  if (random.chance(0.2)) parameters.max_window = random.integer(1, 4);
  if (random.chance(0.2)) parameters.rounding = Rounding::parity;
  if (random.chance(0.4)) parameters.order = TokenOrder::spatial;
  return parameters;
}

TEST_P(CudaClips, AreReducedToTheCpusTokens) {
  test::Random random(3601);
  CudaReduction found;  // one for all: what it held before must not shine through
  Tensor features;
  for (std::int64_t round = 0; round < test::cases(33'000, 200); ++round) {
    constexpr std::int64_t widths[] = {1, 3, 16, 31, 32, 33};
    const test::ClipShape shape{random.integer(1, 9), random.integer(1, 40),
                                widths[random.integer(0, 5)]};
    test::ClipOptions options;
    options.repeat = random.uniform();
    options.noise = random.between(0.0, 0.8);
    options.exact_copy = random.chance(0.5) ? 0.3 : 0.0;
    options.broken = random.chance(0.3) ? 0.2 : 0.0;
    options.zero = 0.02;
    options.twin = random.chance(0.5) ? 0.3 : 0.0;
    const DType dtype = random.chance(0.4)   ? DType::f32
                        : random.chance(0.5) ? DType::f16
                                             : DType::bf16;
    const Tensor clip = test::clip_tensor(test::random_clip(random, shape, options), shape, dtype);
    Tensor attention;
    if (random.chance(0.5)) attention = test::random_attention(random, shape, 5);
    const HolitomParameters parameters = random_parameters(random);
    SCOPED_TRACE(
        concat("round ", round, ", ", kernels::name(dtype), ' ', clip.shape().to_string()));
    const Reduction expected =
        reduce(host(), clip, attention.defined() ? attention.view() : TensorView(), parameters);

    const auto device_clip = on_device(clip);
    kernels::cuda::DeviceTensor device_attention;
    if (attention.defined()) device_attention = on_device(attention);
    CudaClipReducer reducer(device(), parameters);
    reducer.reduce(device_clip, attention.defined() ? device_attention.view() : TensorView(),
                   found);
    kernels::cuda::download(device(), found.features, features);
    expect_equal(found, features, expected);
    if (HasFailure()) return;
  }
}

TEST_P(CudaClips, SteadyStateAllocatesNothing) {
  test::Random random(3602);
  const test::ClipShape shape{8, 30, 64};
  const Tensor clip = test::clip_tensor(test::random_clip(random, shape), shape, DType::f16);
  const auto device_clip = on_device(clip);
  CudaClipReducer reducer(device(), {});
  CudaReduction result;
  reducer.reduce(device_clip, {}, result);
  const auto slabs = device().device_arena().slabs() + device().host_arena().slabs();
  for (int round = 0; round < 3; ++round) reducer.reduce(device_clip, {}, result);
  EXPECT_EQ(device().device_arena().slabs() + device().host_arena().slabs(), slabs);
}

#if defined(SLUICE_CUDA_EMULATED)
TEST_P(CudaClips, FeaturesDontCrossToTheHost) {
  test::Random random(3603);
  const test::ClipShape shape{16, 49, 1152};
  const Tensor clip = test::clip_tensor(test::random_clip(random, shape), shape, DType::f16);
  const auto device_clip = on_device(clip);
  CudaClipReducer reducer(device(), {});
  CudaReduction result;
  const auto copied = cuda_emulation::copied_bytes();
  const auto waits = cuda_emulation::synchronisations();
  reducer.reduce(device_clip, {}, result);
  EXPECT_LT(cuda_emulation::copied_bytes() - copied, 16 * 49 * 40)
      << "tens of bytes per token, of 2304";
  EXPECT_LE(cuda_emulation::synchronisations() - waits, 3 + 1) << "one more to allocate the result";
}
#endif

TEST_P(CudaClips, BadInputGetsAClearError) {
  CudaClipReducer reducer(device(), {});
  CudaReduction result;
  const Tensor on_host(DType::f32, {2, 3, 4});
  EXPECT_THROW(reducer.reduce(on_host, {}, result), Error);
  const auto clip = on_device(on_host);
  for (const auto& attention :
       {on_device(Tensor(DType::f32, {2, 4})).view(), on_device(Tensor(DType::f16, {2, 3})).view(),
        TensorView(on_host.view()[0])})
    EXPECT_THROW(reducer.reduce(clip, attention, result), Error);
  HolitomParameters parameters;
  parameters.retain = 2;
  EXPECT_THROW(CudaClipReducer(device(), parameters), Error);
}

}  // namespace
}  // namespace sluice::temporal
