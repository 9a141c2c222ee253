// The choice of a backend, whatever is wrong with the device.
#include "kernels/backend.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "kernels/cuda/stream_resources.h"
#include "kernels/error.h"
#include "tests/support/cuda_emulation/emulation.h"
#include "tests/support/error_messages.h"

namespace sluice::kernels {
namespace {

using cuda_emulation::Settings;

class BackendChoiceTest : public ::testing::Test {
 protected:
  void SetUp() override { cuda_emulation::configure({}); }
  void TearDown() override {
    cuda_emulation::configure({});
    unsetenv("SLUICE_BACKEND");
  }

  /// With such a device, `automatic` falls back to the CPU and says why; `cuda` is an error that
  /// says the same.
  void expect_no_cuda(const std::string& why) {
    const BackendChoice choice = choose_backend(BackendRequest::automatic);
    EXPECT_EQ(choice.backend, Backend::cpu);
    EXPECT_CONTAINS(choice.reason, why);
    try {
      (void)choose_backend(BackendRequest::cuda);
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Error::Kind::system);
      EXPECT_CONTAINS(error.what(), why);
      EXPECT_CONTAINS(error.what(), "expected");
    }
    EXPECT_EQ(choose_backend(BackendRequest::cpu).backend, Backend::cpu);
  }
};

TEST_F(BackendChoiceTest, CudaWhereItWorks) {
  for (const auto request : {BackendRequest::automatic, BackendRequest::cuda}) {
    const BackendChoice choice = choose_backend(request);
    EXPECT_EQ(choice.backend, Backend::cuda);
    EXPECT_EQ(choice.reason, "");
  }
  EXPECT_EQ(choose_backend(BackendRequest::cpu).backend, Backend::cpu);
}

TEST_F(BackendChoiceTest, NoDriver) {
  Settings settings;
  settings.driver_version = 0;
  cuda_emulation::configure(settings);
  expect_no_cuda("no CUDA driver");
}

TEST_F(BackendChoiceTest, DriverTooOld) {
  Settings settings;
  settings.driver_version = 12040;
  cuda_emulation::configure(settings);
  expect_no_cuda("the driver knows CUDA 12.4, but this program needs 13.0");
}

TEST_F(BackendChoiceTest, NoDevice) {
  Settings settings;
  settings.devices = 0;
  cuda_emulation::configure(settings);
  expect_no_cuda("no CUDA device");
}

TEST_F(BackendChoiceTest, DeviceTooOld) {
  Settings settings;
  settings.compute_capability = 75;
  cuda_emulation::configure(settings);
  expect_no_cuda("compute capability 7.5, and at least 8.0 is needed");
}

TEST_F(BackendChoiceTest, DeviceLost) {
  cuda_emulation::lose_device();
  expect_no_cuda("cudaErrorDevicesUnavailable");
}

TEST_F(BackendChoiceTest, DeviceThatDoesNotAnswer) {
  Settings settings;
  settings.memory_bytes = 0;
  cuda_emulation::configure(settings);
  expect_no_cuda("CUDA device 0 can't be used");
}

TEST_F(BackendChoiceTest, OtherDevices) {
  EXPECT_CONTAINS(choose_backend(BackendRequest::automatic, 1).reason,
                  "no CUDA device 1, there are 1");
  EXPECT_THROW((void)choose_backend(BackendRequest::cuda, -1), Error);
}

TEST_F(BackendChoiceTest, OptionThenEnvironmentThenAutomatic) {
  EXPECT_EQ(requested_backend(), BackendRequest::automatic);
  setenv("SLUICE_BACKEND", "cpu", 1);
  EXPECT_EQ(requested_backend(), BackendRequest::cpu);
  EXPECT_EQ(requested_backend("cuda"), BackendRequest::cuda);
  EXPECT_EQ(requested_backend("auto"), BackendRequest::automatic);
  setenv("SLUICE_BACKEND", "gpu", 1);
  const auto message = test::input_error_of([] { (void)requested_backend(); });
  EXPECT_CONTAINS(message, "SLUICE_BACKEND: \"gpu\"; expected auto, cpu or cuda");
}

TEST_F(BackendChoiceTest, EveryCallsFailureIsAnError) {
  // Whichever call of the runtime fails while resources are made and used: an error of ours, with
  // CUDA's own words, and nothing is leaked.
  const std::size_t before = cuda_emulation::allocated_bytes();
  int failures = 0;
  for (int call = 0; call < 100; ++call) {
    cuda_emulation::configure({});
    cuda_emulation::fail_after(call, cudaErrorIllegalAddress);
    try {
      cuda::StreamResources resources({0, 1 << 10, 1 << 10});
      const cuda::StreamResources::Scratch scratch(resources);
      const std::vector<int> values(100, 7);
      const auto copy = resources.host_copy(resources.device_copy(std::span(values)), 100);
      resources.wait("test");
      EXPECT_EQ(copy[99], 7);
      cuda_emulation::configure({});  // the fault may lie beyond: not in the destructors, which
    } catch (const Error& error) {    // have nobody to tell
      ++failures;
      EXPECT_EQ(error.kind(), Error::Kind::system);
      EXPECT_TRUE(std::string(error.what()).find("cudaErrorIllegalAddress") != std::string::npos ||
                  std::string(error.what()).find("no device 0") != std::string::npos)
          << error.what();
    }
    EXPECT_EQ(cuda_emulation::allocated_bytes(), before) << call;
  }
  EXPECT_GT(failures, 10);
}

}  // namespace
}  // namespace sluice::kernels
