// Tokens in a picture: where they are drawn, and what hides them.
#include "apps/report/spatial_overlay.h"

#include <gtest/gtest.h>

#include <vector>

#include "apps/report/canvas.h"
#include "apps/report/caption_line.h"
#include "kernels/error.h"

namespace sluice::report {
namespace {

using stream::Image;

/// A camera at the origin that looks along z at a wall 2 m away, 40 × 30 depth pixels.
struct Scene {
  std::vector<float> depth = std::vector<float>(40 * 30, 2.0F);
  std::vector<float> xyz;
  std::vector<std::int32_t> keep;
  std::vector<std::uint8_t> reason;
  stream::Pose pose = stream::identity_pose();

  void add(float x, float y, float z, int kept_for = -1) {
    if (kept_for >= 0) {
      keep.push_back(static_cast<std::int32_t>(xyz.size() / 3));
      reason.push_back(static_cast<std::uint8_t>(kept_for));
    }
    xyz.insert(xyz.end(), {x, y, z});
  }
  [[nodiscard]] SpatialMoment moment() const {
    SpatialMoment moment;
    moment.pose = &pose;
    moment.intrinsics = {40, 40, 20, 15};
    moment.depth = depth;
    moment.depth_width = 40;
    moment.depth_height = 30;
    moment.voxel_size = 0.1;
    moment.xyz = xyz;
    moment.keep = keep;
    moment.reason = reason;
    return moment;
  }
};

Image grey(int width = 400, int height = 300) {
  Image image;
  image.resize(width, height);
  std::fill(image.rgb.begin(), image.rgb.end(), std::uint8_t{128});
  return image;
}

bool has_colour(const Image& image, int x, int y, Colour colour) {
  const std::uint8_t* pixel = image.pixel(x, y);
  return pixel[0] == colour.red && pixel[1] == colour.green && pixel[2] == colour.blue;
}

TEST(SpatialOverlay, DrawsATokenWhereTheCameraSeesIt) {
  Scene scene;
  scene.add(0, 0, 2, 10);         // in the middle
  scene.add(0.5F, -0.25F, 2, 8);  // 10 depth pixels right, 5 up
  Image image = grey();
  EXPECT_EQ(draw_spatial_overlay(image, scene.moment(), {.caption = false}), 2);
  EXPECT_EQ(image.height, 300);
  // The centre of depth pixel (20, 15) is at 10 · 20.5 − 0.5 in the picture.
  EXPECT_TRUE(has_colour(image, 204, 154, style_of(10).colour));
  EXPECT_TRUE(has_colour(image, 304, 104, style_of(8).colour));
  EXPECT_FALSE(has_colour(image, 204, 104, style_of(8).colour));
}

TEST(SpatialOverlay, SurfacesHideWhatIsBehindThem) {
  Scene scene;
  scene.add(0, 0, 2.04F, 10);  // within what a voxel and the sensor may err by
  scene.add(0.5F, 0, 2.5F, 10);
  scene.add(-0.3F, 0, 1.0F, 10);  // in front: a thing that has gone, or is thin
  Image image = grey();
  EXPECT_EQ(draw_spatial_overlay(image, scene.moment()), 2);
  scene.depth.assign(scene.depth.size(), 0.0F);
  image = grey();
  EXPECT_EQ(draw_spatial_overlay(image, scene.moment()), 0) << "no depth, no telling";
}

TEST(SpatialOverlay, LeavesOutWhatTheCameraDoesNotSee) {
  Scene scene;
  scene.add(0, 0, -2, 10);
  scene.add(0, 0, 0, 10);
  scene.add(9, 0, 2, 10);
  Image image = grey();
  EXPECT_EQ(draw_spatial_overlay(image, scene.moment()), 0);
  scene.pose[11] = -10;  // ten metres back
  scene.depth.assign(scene.depth.size(), 15.0F);
  image = grey();
  EXPECT_EQ(draw_spatial_overlay(image, scene.moment()), 2);
}

TEST(SpatialOverlay, DroppedVoxelsAreFaint) {
  Scene scene;
  scene.add(0, 0, 2);
  Image image = grey(), empty = grey();
  EXPECT_EQ(draw_spatial_overlay(image, scene.moment()), 0);
  draw_spatial_overlay(empty, Scene{}.moment());
  const int there = image.pixel(204, 154)[0], background = empty.pixel(204, 154)[0];
  EXPECT_GT(there, background);
  EXPECT_LT(there, background + 100);
}

TEST(SpatialOverlay, AFrameWithoutAPoseShowsNoTokens) {
  Scene scene;
  scene.add(0, 0, 2, 10);
  SpatialMoment moment = scene.moment();
  moment.pose = nullptr;
  Image image = grey();
  EXPECT_EQ(draw_spatial_overlay(image, moment), 0);
  EXPECT_GT(image.height, 300) << "the caption says why";
}

TEST(SpatialOverlay, TheCaptionHasTheSameHeightInEveryFrame) {
  for (const int width : {16, 160, 640, 1281}) {
    Scene scene;
    Image first = grey(width, 30), second = grey(width, 30);
    draw_spatial_overlay(first, scene.moment());
    for (int i = 0; i < 300; ++i) scene.add(0, 0, 2, i % 12);
    SpatialMoment moment = scene.moment();
    moment.frames = 100'000;
    moment.frame = 99'999;
    draw_spatial_overlay(second, moment);
    EXPECT_EQ(first.height, second.height);
    EXPECT_EQ((first.height - 30) % 2, 0) << "an even video stays even";
  }
}

TEST(SpatialOverlay, RefusesAnEmptyPicture) {
  Image image;
  EXPECT_THROW(draw_spatial_overlay(image, Scene{}.moment()), Error);
}

}  // namespace
}  // namespace sluice::report
