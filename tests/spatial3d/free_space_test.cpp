// What a depth image says about a cell: known answers, and surfaces at a cell's edge.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "spatial3d/free_space.h"
#include "tests/support/box_scene.h"

namespace sluice::spatial3d {
namespace {

const stream::Camera camera = test::pinhole(160, 120, 60);

/// A camera at the origin that looks along +x at a wall 3 m away, and a cell of 10 cm 1 m away.
struct Stage {
  stream::Pose pose = test::look_at({0, 0, 0}, {1, 0, 0});
  std::vector<test::Box> boxes{{{3, -10, -10}, {4, 10, 10}}};
  KnownSurface known{{1, 0, 0}, {1, 0, 0}, 0.1};
  FreeSpaceOptions options;

  [[nodiscard]] kernels::Tensor depth() const {
    test::Random unused(1);
    return test::render_depth(boxes, camera, pose, {}, unused);
  }
  [[nodiscard]] Sight look(const kernels::Tensor& depth_image) const {
    const CameraView view(camera.intrinsics, camera.width, camera.height, pose, 100);
    return spatial3d::look(view, depth_image.as<float>(), known, options);
  }
  [[nodiscard]] Sight look() const { return look(depth()); }
};

TEST(FreeSpace, AnEmptyCellIsSeenThrough) {
  EXPECT_EQ(Stage().look(), Sight::through);
}

TEST(FreeSpace, ASurfaceInTheCellIsASurface) {
  Stage stage;
  stage.boxes.push_back({{0.98, -0.05, -0.05}, {1.05, 0.05, 0.05}});
  EXPECT_EQ(stage.look(), Sight::surface);
}

TEST(FreeSpace, ASliverAtTheEdgeIsASurface) {
  for (const double width : {0.03, 0.01, 0.003, 0.0005}) {  // the last one is a tenth of a pixel
    Stage stage;
    stage.boxes.push_back({{0.97, 0.05 - width, -0.5}, {1.03, 0.5, 0.5}});
    stage.known.place = {0.97, 0.05 - width / 2, 0};
    EXPECT_EQ(stage.look(), Sight::surface) << width;
    stage.known.place = {1, 0, 0};  // wherever it is thought to be
    EXPECT_EQ(stage.look(), Sight::surface) << width;
  }
}

TEST(FreeSpace, WhatLiesInFrontHides) {
  Stage stage;
  stage.boxes.push_back({{0.4, -0.2, -0.2}, {0.5, 0.2, 0.2}});
  EXPECT_EQ(stage.look(), Sight::unknown);
}

TEST(FreeSpace, WhatHidesTheKnownPlaceIsEnough) {
  Stage stage;  // hides a fifth of the cell
  stage.boxes.push_back({{0.5, 0.015, -0.2}, {0.51, 0.2, 0.2}});
  EXPECT_EQ(stage.look(), Sight::through);
  stage.known.place = {1, 0.04, 0};
  EXPECT_EQ(stage.look(), Sight::unknown);
}

TEST(FreeSpace, HidingMostOfTheCellIsEnough) {
  Stage stage;
  stage.boxes.push_back({{0.5, -0.005, -0.2}, {0.51, 0.2, 0.2}});
  stage.known.place = {1, -0.04, 0};
  EXPECT_EQ(stage.look(), Sight::unknown);
}

TEST(FreeSpace, ASurfaceWithinTheNoiseIsASurface) {
  Stage stage;
  stage.boxes.push_back({{1.08, -1, -1}, {1.2, 1, 1}});  // 3 cm behind the cell
  EXPECT_EQ(stage.look(), Sight::through);
  stage.options.depth_noise = 0.02;
  EXPECT_EQ(stage.look(), Sight::surface);
}

TEST(FreeSpace, NoDepthIsNoEvidence) {
  const Stage stage;
  auto depth = stage.depth();
  auto pixels = depth.as<float>();
  const auto at = [](int row, int col) { return static_cast<std::size_t>(row * 160 + col); };
  for (const float invalid : {0.0F, -1.0F, std::numeric_limits<float>::quiet_NaN()}) {
    auto holed = depth.clone();
    holed.as<float>()[at(60, 80)] = invalid;  // at the known place
    EXPECT_EQ(stage.look(holed), Sight::unknown) << invalid;
  }
  for (int row = 0; row < 120; ++row)  // around it, more than may be
    for (int col = 0; col < 160; ++col)
      if (std::max(std::abs(row - 60), std::abs(col - 80)) > 4) pixels[at(row, col)] = 0;
  EXPECT_EQ(stage.look(depth), Sight::unknown);
}

TEST(FreeSpace, OnlyWhatIsInThePictureIsJudged) {
  Stage stage;
  const auto at = [&](double y) {
    stage.known.centre = stage.known.place = {1, y, 0};
    return stage.look();
  };
  const double edge = std::tan(std::acos(-1.0) / 6);  // of the picture, at 1 m
  EXPECT_EQ(at(edge - 0.07), Sight::through);
  EXPECT_EQ(at(edge - 0.005), Sight::unknown);
  EXPECT_EQ(at(edge + 0.04), Sight::unknown);
  EXPECT_EQ(at(edge + 1), Sight::unknown);
  stage.known.centre = {1, edge + 0.02, 0};  // most of the cell is outside, its surface was inside
  stage.known.place = {1, edge - 0.025, 0};
  EXPECT_EQ(stage.look(), Sight::unknown);
}

TEST(FreeSpace, NothingIsSaidAboutCellsBehindOrAroundTheCamera) {
  Stage stage;
  for (const double x : {-1.0, 0.0, 0.05, 0.09}) {
    stage.known.centre = stage.known.place = {x, 0, 0};
    EXPECT_EQ(stage.look(), Sight::unknown) << x;
  }
}

TEST(FreeSpace, ASlantedPlaneIsNeverSeenThrough) {
  test::Random random(3340);
  for (std::int64_t round = 0; round < test::cases(4000); ++round) {
    Stage stage;
    const double height = random.between(0.05, 1.5), distance = random.between(0.3, 4);
    stage.boxes = {{{-50, -50, -1}, {50, 50, 0}}};
    stage.pose = test::look_at({0, 0, height}, {distance, random.between(-0.2, 0.2), 0});
    const double size = random.between(0.01, 0.3);
    const double y = random.between(-0.2, 0.2) * distance;
    // The cell holds the plane between its lower and its upper face.
    stage.known = {{distance, y, 0}, {distance, y, random.between(-0.5, 0.5) * size}, size};
    ASSERT_NE(stage.look(), Sight::through)
        << "round " << round << ": a cell of " << size << " m, " << distance
        << " m away, seen from " << height << " m above";
  }
}

}  // namespace
}  // namespace sluice::spatial3d
