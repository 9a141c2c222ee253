// Cameras of RGB-D data sets: where intrinsics come from, what they are held against, and depth
// that has to be brought into the colour camera's view.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "stream/io/rgbd_source.h"
#include "stream/pose.h"
#include "tests/io/rgbd_checks.h"
#include "tests/io/rgbd_samples.h"

namespace sluice::stream {
namespace {

using test::RgbdFolder;

std::string error_of(const RgbdFolder& folder, const RgbdSourceOptions& options = {}) {
  return test::input_error_of([&] { RgbdSource source(folder.path(), test::quick(options)); });
}

TEST(RgbdIntrinsics, WrongOnesAreNamed) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"60 0 31.5 0 60 23.5", "holds 6 numbers"},
      {"nan 0 31.5 0 60 23.5 0 0 1", "not finite"},
      {"60 0 31.5 0 -60 23.5 0 0 1", "focal lengths 60 and -60"},
      {"600 0 320 0 600 240 0 0 1", "principal point (320, 240)"},
      {"60 0 64 0 60 48 0 0 1",
       "principal point (64, 48) lies outside the pictures of 64x48 pixels"},
      {"0.9 0 0.5 0 0.9 0.5 0 0 1", "focal lengths 0.9 and 0.9 with pictures of 64x48 pixels"}};
  for (const auto& [text, problem] : cases) {
    RgbdFolder folder({1});
    folder.intrinsics(text);
    const std::string message = error_of(folder);
    EXPECT_CONTAINS(message, folder.file("camera-intrinsics.txt") + ": ");
    EXPECT_CONTAINS(message, problem);
    EXPECT_CONTAINS(message, "expected ");
    // What is given instead makes the file irrelevant.
    const auto read =
        test::read_rgbd(folder.path(), {.intrinsics = Intrinsics{60, 60, 31.5, 23.5}});
    EXPECT_EQ(read.frames.size(), 1U);
  }
}

TEST(RgbdIntrinsics, MayBeGivenInstead) {
  RgbdFolder folder({1});
  const RgbdSourceOptions options{.intrinsics = Intrinsics{50, 51, 30, 20}};
  EXPECT_EQ(test::read_rgbd(folder.path(), options).frames[0].intrinsics.fy, 51);
  std::filesystem::remove(folder.file("camera-intrinsics.txt"));
  EXPECT_EQ(test::read_rgbd(folder.path(), options).frames[0].intrinsics.cx, 30);
  EXPECT_CONTAINS(error_of(folder),
                  "the colour camera's intrinsics are unknown; expected a file "
                  "camera-intrinsics.txt in it (3x3), or intrinsics as an option");
  EXPECT_CONTAINS(error_of(folder, {.intrinsics = Intrinsics{-50, 51, 30, 20}}),
                  "the intrinsics given: focal lengths -50 and 51");
}

TEST(RgbdIntrinsics, OfSmallerPicturesRaiseADoubt) {
  RgbdFolder folder({1});
  folder.intrinsics("30 0 15.5 0 30 11.5 0 0 1");
  const auto read = test::read_rgbd(folder.path());
  EXPECT_EQ(read.frames.size(), 1U);
  EXPECT_CONTAINS(read.notes(),
                  "camera-intrinsics.txt: the principal point (15.5, 11.5) is far "
                  "from the middle of pictures of 64x48 pixels");
}

TEST(RgbdIntrinsics, FollowTheSizeOfTheDepthImage) {
  for (const auto& [width, height] : {std::pair(32, 24), std::pair(128, 96), std::pair(16, 24)}) {
    RgbdFolder folder({1});
    test::write_depth(folder.file(1, "depth.png"), width, height,
                      [](int x, int y) { return static_cast<std::uint16_t>(1000 + x + 200 * y); });
    const auto read = test::read_rgbd(folder.path());
    const SpatialFrame& frame = read.frames.at(0);
    EXPECT_EQ(frame.depth.shape(), (kernels::Shape{height, width}));
    EXPECT_EQ(frame.depth.as<float>()[static_cast<std::size_t>(width)], 1.2F) << "left as it is";
    EXPECT_DOUBLE_EQ(frame.intrinsics.fx, 60.0 * width / 64);
    EXPECT_DOUBLE_EQ(frame.intrinsics.fy, 60.0 * height / 48);
    EXPECT_DOUBLE_EQ(frame.intrinsics.cx, (31.5 + 0.5) * width / 64 - 0.5);
    EXPECT_DOUBLE_EQ(frame.intrinsics.cy, (23.5 + 0.5) * height / 48 - 0.5);
    EXPECT_EQ(read.source.intrinsics->fx, 60) << "of the colour picture";
    EXPECT_EQ(read.notes().empty(), width != 16);
  }
}

TEST(RgbdIntrinsics, OtherShapesRaiseADoubt) {
  RgbdFolder folder({1});
  test::write_depth(folder.file(1, "depth.png"), 32, 32, [](int, int) { return 1000; });
  EXPECT_CONTAINS(test::read_rgbd(folder.path()).notes(),
                  "depth images of 32x32 are taken for the same view as colour pictures of 64x48");
}

TEST(RgbdIntrinsics, PicturesMayChangeSizeInMidRecording) {
  RgbdFolder folder({1, 2, 3});
  test::write_picture(folder.file(2, "color.png"), 128, 96, 2);
  test::write_depth(folder.file(3, "depth.png"), 32, 24, [](int, int) { return 1000; });
  RgbdSource source(folder.path(), test::quick());
  SpatialFrame frame;
  for (int i = 1; i <= 3; ++i) {
    ASSERT_TRUE(source.next(frame));
    EXPECT_EQ(source.picture().width, i == 2 ? 128 : 64);
    EXPECT_EQ(frame.intrinsics.fx, i == 3 ? 30 : 60) << "of the depth image";
    EXPECT_EQ(frame.features.size(0), 20);
  }
  EXPECT_EQ(source.statistics().size_changes, 2);
  EXPECT_EQ(source.source().image_width, 64);
  ASSERT_FALSE(source.statistics().notes.empty());
  EXPECT_CONTAINS(source.statistics().notes[0], "pictures change from 64x48 to 128x96 pixels");
}

/// Two cameras before the plane n·x = d (in the colour camera's frame): depth is painted as the
/// depth camera sees it.
class TwoCameras : public testing::Test {
 protected:
  static constexpr int depth_width = 80, depth_height = 64;
  const Intrinsics colour_{60, 60, 31.5, 23.5};
  const Intrinsics depth_{70, 72, 38, 33};
  const Vec3 normal_{0.2, -0.1, 1};
  const double distance_ = 2;
  Pose depth_to_colour_ =
      pose_from_quaternion({0.05, -0.02, 0.01}, 0.02, -0.03, 0.01, 1, "the test");
  RgbdFolder folder_{{1, 2}};

  void SetUp() override {
    for (const int number : {1, 2})
      test::write_depth(folder_.file(number, "depth.png"), depth_width, depth_height,
                        [this](int x, int y) {
                          return static_cast<std::uint16_t>(std::lround(10000 * depth_at(x, y)));
                        });
  }
  [[nodiscard]] static double dot(const Vec3& a, const Vec3& b) {
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  }
  /// Where the depth camera's ray meets the plane.
  [[nodiscard]] double depth_at(double x, double y) const {
    const Vec3 ray{(x - depth_.cx) / depth_.fx, (y - depth_.cy) / depth_.fy, 1};
    return (distance_ - dot(normal_, origin(depth_to_colour_))) /
           dot(normal_, rotate(depth_to_colour_, ray));
  }
  void write_files() {
    test::write_text(folder_.file("camera-intrinsics-depth.txt"), "70 0 38\n0 72 33\n0 0 1\n");
    test::write_text(folder_.file("depth-to-color.txt"), test::matrix_text(depth_to_colour_));
  }
  /// A depth of a tenth of a millimetre per unit, because the test is about geometry.
  [[nodiscard]] RgbdSourceOptions options() const {
    return {.depth_encoding = DepthEncoding{10000}};
  }

  /// How many points there are; all must lie on the plane.
  std::size_t expect_on_plane(const SpatialFrame& frame) const {
    std::size_t points = 0;
    const auto width = static_cast<int>(frame.depth.size(1));
    for (std::size_t i = 0; i < frame.depth.as<float>().size(); ++i) {
      const double z = frame.depth.as<float>()[i];
      if (z == 0) continue;
      ++points;
      const int x = static_cast<int>(i) % width, y = static_cast<int>(i) / width;
      const Vec3 point{(x - frame.intrinsics.cx) * z / frame.intrinsics.fx,
                       (y - frame.intrinsics.cy) * z / frame.intrinsics.fy, z};
      // A point lands up to half a pixel beside the centre of its pixel.
      EXPECT_NEAR(dot(normal_, point), distance_, 0.01) << "pixel " << x << ", " << y;
    }
    return points;
  }
};

TEST_F(TwoCameras, DepthIsBroughtIntoTheColourCamerasView) {
  write_files();
  const auto read = test::read_rgbd(folder_.path(), options());
  ASSERT_EQ(read.frames.size(), 2U) << read.notes();
  for (const SpatialFrame& frame : read.frames) {
    EXPECT_EQ(frame.depth.shape(), (kernels::Shape{48, 64})) << "no finer than the pictures";
    EXPECT_EQ(frame.intrinsics.fx, 60);
    EXPECT_GT(expect_on_plane(frame), 64U * 48U * 9 / 10);
  }
  EXPECT_TRUE(read.notes().empty()) << read.notes();
}

TEST_F(TwoCameras, TakenForOneTheyGiveAnotherPlane) {
  // So that the test above can tell.
  const auto read = test::read_rgbd(folder_.path(), options());
  const SpatialFrame& frame = read.frames.at(0);
  const double z = frame.depth.as<float>()[0];
  const Vec3 point{-frame.intrinsics.cx * z / frame.intrinsics.fx,
                   -frame.intrinsics.cy * z / frame.intrinsics.fy, z};
  EXPECT_GT(std::abs(dot(normal_, point) - distance_), 0.05);
}

TEST_F(TwoCameras, OptionsComeBeforeFiles) {
  const auto files = [this] {
    write_files();
    return test::read_rgbd(folder_.path(), options());
  }();
  test::write_text(folder_.file("camera-intrinsics-depth.txt"), "50 0 40 0 50 30 0 0 1");
  test::write_text(folder_.file("depth-to-color.txt"), test::matrix_text(identity_pose()));
  RgbdSourceOptions given = options();
  given.depth_intrinsics = depth_;
  given.depth_to_colour = depth_to_colour_;
  const auto read = test::read_rgbd(folder_.path(), given);
  const auto a = read.frames.at(1).depth.as<float>(), b = files.frames.at(1).depth.as<float>();
  EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end()));
}

TEST_F(TwoCameras, AFineColourPictureIsBroughtDownToTheDepthCamerasResolution) {
  for (const int number : {1, 2})
    test::write_picture(folder_.file(number, "color.png"), 640, 480, number);
  folder_.intrinsics("600 0 319.5 0 600 239.5 0 0 1");
  write_files();
  const auto read = test::read_rgbd(folder_.path(), options());
  // 70 of 600 pixels of focal length.
  EXPECT_EQ(read.frames.at(0).depth.shape(), (kernels::Shape{56, 75}));
  EXPECT_GT(expect_on_plane(read.frames.at(0)), 56U * 75U * 8 / 10);
  EXPECT_EQ(read.source.image_width, 640);
}

TEST_F(TwoCameras, DepthImagesMayChangeSizeInMidRecording) {
  write_files();
  // Twice as wide and high; a pixel's centre lies between two of the others.
  test::write_depth(folder_.file(2, "depth.png"), 2 * depth_width, 2 * depth_height,
                    [this](int x, int y) {
                      const double metres = depth_at((x + 0.5) / 2 - 0.5, (y + 0.5) / 2 - 0.5);
                      return static_cast<std::uint16_t>(std::lround(10000 * metres));
                    });
  const auto read = test::read_rgbd(folder_.path(), options());
  EXPECT_EQ(read.frames.at(1).depth.shape(), (kernels::Shape{48, 64}));
  EXPECT_GT(expect_on_plane(read.frames.at(1)), 64U * 48U * 9 / 10);
}

TEST_F(TwoCameras, ExtrinsicsAloneMoveTheSameView) {
  // A picture and a depth image of one camera model, 0.1 m apart: 60·0.1/1 = 6 pixels.
  RgbdFolder folder;
  folder.add(1);
  test::write_depth(folder.file(1, "depth.png"), 64, 48, [](int, int) { return 1000; });
  test::write_text(folder.file("depth-to-color.txt"), test::matrix_text(test::pose_at(0.1, 0, 0)));
  const auto depth = test::read_rgbd(folder.path()).frames.at(0).depth.clone();
  for (std::size_t i = 0; i < 64; ++i) EXPECT_EQ(depth.as<float>()[i], i < 6 ? 0.0F : 1.0F) << i;
}

TEST_F(TwoCameras, WrongFilesAreNamed) {
  write_files();
  test::write_text(folder_.file("depth-to-color.txt"), "2 0 0 0 0 2 0 0 0 0 2 0 0 0 0 1");
  EXPECT_CONTAINS(error_of(folder_), folder_.file("depth-to-color.txt") + ": is not rigid");
  write_files();
  test::write_text(folder_.file("camera-intrinsics-depth.txt"), "700 0 380 0 720 330 0 0 1");
  EXPECT_CONTAINS(error_of(folder_), "camera-intrinsics-depth.txt: principal point (380, 330)");
  EXPECT_CONTAINS(error_of(folder_, {.depth_intrinsics = Intrinsics{70, 0, 38, 33}}),
                  "the depth camera's intrinsics given: focal lengths 70 and 0");
  write_files();
  EXPECT_CONTAINS(error_of(folder_, {.depth_to_colour = Pose{}}), "depth to colour: is not rigid");
}

}  // namespace
}  // namespace sluice::stream
