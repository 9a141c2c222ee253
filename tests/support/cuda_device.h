// Tests of the CUDA kernels: the same ones run on a GPU, and on the CPU by tests/support/
// cuda_emulation.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "kernels/cuda/device_tensor.h"
#include "kernels/cuda/stream_resources.h"
#include "kernels/resources.h"
#include "kernels/tensor.h"

#if defined(SLUICE_CUDA_EMULATED)
#include "tests/support/cuda_emulation/emulation.h"
#endif

namespace sluice::test {

/// Orders in which threads run; on a GPU, that is not for us to choose.
inline std::vector<std::uint64_t> thread_orders() {
#if defined(SLUICE_CUDA_EMULATED)
  return {0, 1, 2};
#else
  return {0};
#endif
}

inline void set_thread_order(std::uint64_t seed) {
#if defined(SLUICE_CUDA_EMULATED)
  cuda_emulation::Settings settings;
  settings.seed = seed;
  cuda_emulation::configure(settings);
#else
  (void)seed;
#endif
}

/// A fixture with the CPU's resources and the device's; skipped where there is no device. The
/// parameter is the order of threads.
class CudaTest : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  void SetUp() override {
    set_thread_order(GetParam());
    if (kernels::cuda::device_count() == 0) GTEST_SKIP() << "no CUDA device";
    // Little memory at first, so that it also has to grow.
    device_ = std::make_unique<kernels::cuda::StreamResources>(
        kernels::cuda::StreamOptions{0, 1 << 16, 1 << 14});
  }
  void TearDown() override {
    device_.reset();
    set_thread_order(0);
  }

  [[nodiscard]] kernels::Resources& host() { return host_; }
  [[nodiscard]] kernels::cuda::StreamResources& device() { return *device_; }
  [[nodiscard]] kernels::cuda::DeviceTensor on_device(const kernels::TensorView& tensor) {
    kernels::cuda::DeviceTensor copy;
    kernels::cuda::upload(*device_, tensor, copy);
    return copy;
  }
  /// The values of a scratch array on the device.
  template <typename T>
  [[nodiscard]] std::vector<T> values_of(const T* values, std::int64_t count) {
    const kernels::cuda::StreamResources::Scratch scratch(*device_);
    const auto copy = device_->host_copy(values, count);
    device_->wait("test");
    return {copy.begin(), copy.end()};
  }

 private:
  kernels::Resources host_{1};
  std::unique_ptr<kernels::cuda::StreamResources> device_;
};

#define SLUICE_INSTANTIATE_CUDA_TEST(fixture)                                                \
  INSTANTIATE_TEST_SUITE_P(ThreadOrder, fixture, ::testing::ValuesIn(test::thread_orders()), \
                           [](const auto& order) { return std::to_string(order.param); })

}  // namespace sluice::test
