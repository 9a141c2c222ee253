#include "stream/open3d/cloud_registration.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>
#include <cstdlib>
#include <vector>

#include "kernels/error.h"
#include "tests/open3d/rendered_scene.h"
#include "tests/support/random_clip.h"

namespace sluice::stream {
namespace {

using test::RenderedScene;

TEST(CloudRegistration, FollowsAScannerThroughARenderedScene) {
  CloudRegistration registration;
  test::PoseError worst;
  for (int frame = 0; frame < 15; ++frame) {
    const auto pose = registration.track(RenderedScene::scan(test::scripted_pose(frame)));
    ASSERT_TRUE(pose) << "frame " << frame;
    const auto error = test::pose_error(test::scripted_pose(frame), *pose);
    worst = {std::max(worst.metres, error.metres), std::max(worst.degrees, error.degrees)};
  }
  RecordProperty("worst_mm", std::to_string(worst.metres * 1000));
  RecordProperty("worst_degrees", std::to_string(worst.degrees));
  EXPECT_LT(worst.metres, 0.01) << "over 30 cm";
  EXPECT_LT(worst.degrees, 0.3) << "over 14 degrees";
}

TEST(CloudRegistration, GoesOnAfterAGap) {
  CloudRegistration registration;
  for (int frame = 0; frame < 10; ++frame) {
    const bool lost = frame == 4 || frame == 5;
    const auto pose = registration.track(lost ? kernels::Tensor(kernels::DType::f32, {0, 3})
                                              : RenderedScene::scan(test::scripted_pose(frame)));
    ASSERT_EQ(pose.has_value(), !lost) << "frame " << frame;
    if (pose) {
      EXPECT_LT(test::pose_error(test::scripted_pose(frame), *pose).metres, 0.01);
    }
  }
}

TEST(CloudRegistration, SamePosesWhateverTheThreads) {
  // Open3D asks OpenMP only where this variable is set, and takes all cores otherwise.
  ::setenv("OMP_NUM_THREADS", "1", 0);
  const auto poses = [](int threads) {
    omp_set_num_threads(threads);
    CloudRegistration registration;
    std::vector<Pose> found;
    for (int frame = 0; frame < 5; ++frame)
      found.push_back(registration.track(RenderedScene::scan(test::scripted_pose(frame))).value());
    return found;
  };
  const int before = omp_get_max_threads();
  const auto one = poses(1);
  EXPECT_EQ(poses(4), one) << "to the bit";
  omp_set_num_threads(before);
}

TEST(CloudRegistration, OnePlaneIsNotEnough) {
  test::Random random(61);
  kernels::Tensor wall(kernels::DType::f32, {5000, 3});
  for (std::size_t i = 0; i < 5000; ++i) {
    wall.as<float>()[3 * i] = static_cast<float>(random.between(-1, 1));
    wall.as<float>()[3 * i + 1] = static_cast<float>(random.between(-1, 1));
    wall.as<float>()[3 * i + 2] = 2 + 0.002F * random.normal();
  }
  CloudRegistration registration;
  EXPECT_FALSE(registration.track(wall));
  EXPECT_EQ(registration.track(RenderedScene::scan(identity_pose())), identity_pose());
}

TEST(CloudRegistration, RefusesWhatItCantUse) {
  CloudRegistration registration;
  EXPECT_THROW((void)registration.track(kernels::Tensor(kernels::DType::f32, {4, 2})), Error);
  EXPECT_THROW((void)registration.track(kernels::Tensor(kernels::DType::f64, {4, 3})), Error);
  CloudRegistrationOptions options;
  options.voxel_size = 0;
  EXPECT_THROW(CloudRegistration{options}, Error);
  options = {};
  options.max_iterations = 0;
  EXPECT_THROW(CloudRegistration{options}, Error);
}

}  // namespace
}  // namespace sluice::stream
