#include "spatial3d/spatial_reducer.h"

#include <gtest/gtest.h>

#include "tests/support/spatial_frames.h"

namespace sluice::spatial3d {
namespace {

class SpatialReducerTest : public testing::Test {
 protected:
  kernels::Resources resources_{1};
  test::Random random_{4101};
  test::SpatialClipOptions clip_{.frames = 4};
  std::vector<stream::SpatialFrame> frames_ = test::spatial_clip(random_, clip_);
  SpatialReducer reducer_{resources_, test::spatial_source(clip_), {}};
  SpatialUpdate update_;
  stream::TokenBatch tokens_;
};

TEST_F(SpatialReducerTest, AFrameWithoutPoseIsCountedAndChangesNothing) {
  reducer_.push(frames_[0], update_);
  const auto voxels = reducer_.table().key;
  frames_[1].pose.reset();
  reducer_.push(frames_[1], update_);
  EXPECT_FALSE(update_.has_pose);
  EXPECT_EQ(update_.patches, 48);
  EXPECT_EQ(update_.placed, 0);
  EXPECT_EQ(reducer_.table().key, voxels);
  EXPECT_TRUE(reducer_.places().empty());
  for (const auto reason : update_.changes.voxel_of_patch)
    EXPECT_EQ(reason, static_cast<std::int64_t>(stream::DropReason::no_depth));
}

TEST_F(SpatialReducerTest, AnEmptyMapKeepsTypeAndWidthOfTheFeatures) {
  auto& frame = frames_[0];
  frame.features.reshape(kernels::DType::f16, {48, 5});
  for (auto& value : frame.features.as<kernels::Half>()) value = kernels::to_half(1.0F);
  for (auto& metres : frame.depth.as<float>()) metres = 0;
  reducer_.push(frame, update_);
  EXPECT_EQ(update_.voxels, 0);
  reducer_.tokens(update_.decision, tokens_);
  EXPECT_EQ(tokens_.features.dtype(), kernels::DType::f16);
  EXPECT_EQ(tokens_.features.shape(), (kernels::Shape{0, 5}));
}

TEST_F(SpatialReducerTest, RefusesWhatIsNoView) {
  const auto refused = [&](const stream::SpatialFrame& frame) {
    EXPECT_THROW(reducer_.push(frame, update_), Error);
  };
  reducer_.push(frames_[1], update_);
  const auto voxels = reducer_.table().key;
  refused(frames_[0]);  // before the last one
  refused(frames_[1]);
  frames_[2].index = std::int64_t{1} << 32;
  refused(frames_[2]);
  frames_[2].index = 2;
  frames_[2].depth = {};
  refused(frames_[2]);
  refused({});
  frames_[3].features.reshape(kernels::DType::f32, {47, 8});
  refused(frames_[3]);
  EXPECT_EQ(reducer_.table().key, voxels);
}

TEST_F(SpatialReducerTest, ResetForgetsEverything) {
  for (const auto& frame : frames_) reducer_.push(frame, update_);
  reducer_.reset();
  EXPECT_EQ(reducer_.table().size(), 0);
  reducer_.push(frames_[0], update_);
  EXPECT_EQ(update_.changes.added.size(), reducer_.table().key.size());
}

TEST_F(SpatialReducerTest, RefusesOptionsOutOfRange) {
  const auto refused = [&](auto change) {
    SpatialReducerOptions options;
    change(options);
    EXPECT_THROW(SpatialReducer(resources_, test::spatial_source(clip_), options), Error);
  };
  refused([](auto& options) { options.retain = 0; });
  refused([](auto& options) { options.retain = 1.5; });
  refused([](auto& options) { options.budget = 0; });
}

}  // namespace
}  // namespace sluice::spatial3d
