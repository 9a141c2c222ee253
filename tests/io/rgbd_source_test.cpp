#include "stream/io/rgbd_source.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "stream/pose.h"
#include "stream/safetensors.h"
#include "tests/io/rgbd_checks.h"
#include "tests/io/rgbd_samples.h"
#include "tests/io/video_checks.h"

namespace sluice::stream {
namespace {

using test::RgbdFolder;
using Numbers = std::vector<int>;

TEST(RgbdSource, ReadsAFolder) {
  RgbdFolder folder({150, 151, 153});
  RgbdSource source(folder.path(), test::quick());
  EXPECT_EQ(source.source().grid_rows, 4);
  EXPECT_EQ(source.source().grid_cols, 5);
  EXPECT_EQ(source.source().image_width, 64);
  EXPECT_EQ(source.source().image_height, 48);
  EXPECT_EQ(source.source().intrinsics->fx, 60);
  EXPECT_EQ(source.frame_count(), 3);
  const double pts[] = {0, 1 / 30.0, 3 / 30.0};
  Tokenizer tokenizer(test::quick().tokenizer);
  kernels::Tensor features;
  SpatialFrame frame;
  for (int i = 0; i < 3; ++i) {
    const int number = Numbers{150, 151, 153}[static_cast<std::size_t>(i)];
    ASSERT_TRUE(source.next(frame));
    EXPECT_EQ(frame.index, i);
    EXPECT_DOUBLE_EQ(frame.pts, pts[i]);
    EXPECT_EQ(frame.pose, test::pose_at(number / 100.0, 0, 0));
    EXPECT_FALSE(frame.pose_estimated);
    EXPECT_EQ(frame.depth.shape(), (kernels::Shape{48, 64}));
    for (const float metres : frame.depth.as<float>())
      ASSERT_EQ(metres, static_cast<float>((1000 + number) / 1000.0));
    EXPECT_EQ(frame.intrinsics.cx, 31.5);
    EXPECT_FALSE(frame.points.defined());
    EXPECT_FALSE(frame.attention.defined());
    const Image expected = test::numbered_picture(64, 48, number);
    EXPECT_EQ(source.picture().rgb, expected.rgb);
    tokenizer.tokenize(expected, features);
    const auto got = frame.features.as<float>(), wanted = features.as<float>();
    EXPECT_TRUE(std::equal(got.begin(), got.end(), wanted.begin(), wanted.end()));
  }
  EXPECT_FALSE(source.next(frame));
  EXPECT_FALSE(source.next(frame));
  EXPECT_EQ(source.statistics().frames, 3);
  EXPECT_EQ(source.statistics().decoded, 3);
  EXPECT_EQ(source.statistics().skipped_packets, 0);
  EXPECT_TRUE(source.statistics().notes.empty());
}

TEST(RgbdSource, FindsTheFramesOfASample) {
  RgbdFolder folder;
  EXPECT_FALSE(is_rgbd_folder(folder.path()));
  std::filesystem::create_directory(folder.file("rgbd"));
  for (const char* name : {"frame-000010.color.jpg", "frame-000010.depth.png"})
    test::write_text(folder.file(std::string("rgbd/") + name), "x");
  EXPECT_TRUE(is_rgbd_folder(folder.path()));
  EXPECT_TRUE(is_rgbd_folder(folder.path() / "rgbd"));
  EXPECT_EQ(index_rgbd_folder(folder.path(), 30).folder, folder.path() / "rgbd");
  EXPECT_FALSE(is_rgbd_folder(folder.path() / "none"));
}

TEST(RgbdSource, NumbersAreOrderedAsNumbersAndGiveTheTime) {
  RgbdFolder folder({9, 10, 100, 65535});
  std::filesystem::rename(folder.file(9, "color.png"), folder.file("frame-9.color.png"));
  test::write_text(folder.file("frame-000010.depth.txt"), "not part of the layout");
  const auto read = test::read_rgbd(folder.path(), {.frame_rate = 10});
  EXPECT_EQ(read.numbers, (Numbers{9, 10, 100, 65535 & 1023}));
  EXPECT_DOUBLE_EQ(read.frames[1].pts, 0.1);
  EXPECT_DOUBLE_EQ(read.frames[3].pts, 6552.6);
  EXPECT_EQ(read.frames[3].index, 3);
}

TEST(RgbdSource, TwoFilesOfOneNumberAreNoted) {
  RgbdFolder folder({7});
  test::write_text(folder.file("frame-7.color.png"), "x");
  const auto read = test::read_rgbd(folder.path());
  EXPECT_EQ(read.numbers, Numbers{7});
  EXPECT_CONTAINS(read.notes(), "frame-7.color.png has the number of frame-000007.color.png");
}

TEST(RgbdSource, InvalidDepthIsZero) {
  RgbdFolder folder({1});
  test::write_depth(folder.file(1, "depth.png"), 64, 48, [](int x, int) {
    return static_cast<std::uint16_t>(x == 0 ? 0 : x == 1 ? 65535 : x == 2 ? 65534 : 1);
  });
  const auto read = test::read_rgbd(folder.path());
  const auto depth = read.frames[0].depth.as<float>();
  EXPECT_EQ(depth[0], 0);
  EXPECT_EQ(depth[1], 0);
  EXPECT_EQ(depth[2], 65.534F);
  EXPECT_EQ(depth[3], 0.001F);
  const auto other = test::read_rgbd(folder.path(), {.depth_encoding = DepthEncoding{4000, 65534}});
  EXPECT_EQ(other.frames[0].depth.as<float>()[1], 16.38375F);
  EXPECT_EQ(other.frames[0].depth.as<float>()[2], 0);
}

TEST(RgbdSource, FramesWithMissingFilesAreSkippedAndNamed) {
  RgbdFolder folder({1, 2, 3, 4, 5});
  folder.remove(1, "color.png");
  folder.remove(3, "depth.png");
  folder.remove(5, "color.png");
  folder.remove(5, "depth.png");
  const auto read = test::read_rgbd(folder.path());
  EXPECT_EQ(read.numbers, (Numbers{2, 4}));
  EXPECT_EQ(read.frames[0].pts, 0) << "time starts at the first frame";
  EXPECT_EQ(read.statistics.skipped_packets, 2) << "a pose alone is no frame";
  EXPECT_CONTAINS(read.notes(), folder.file(1, "depth.png") + " has no colour picture");
  EXPECT_CONTAINS(read.notes(), folder.file(3, "color.png") + " has no depth image");
}

TEST(RgbdSource, DamagedPicturesAreSkippedAndNamed) {
  RgbdFolder folder({1, 2, 3, 4, 5, 6, 7});
  test::cut_short(folder.file(1, "depth.png"), 0.7);
  test::cut_short(folder.file(3, "color.png"), 0.5);
  test::write_text(folder.file(4, "depth.png"), "");
  test::write_picture(folder.file(5, "depth.png"), 64, 48, 5);
  test::write_text(folder.file(7, "color.png"), "x");
  const auto read = test::read_rgbd(folder.path());
  EXPECT_EQ(read.numbers, (Numbers{2, 6}));
  EXPECT_NEAR(read.frames[1].pts, 5 / 30.0, 1e-12);
  EXPECT_EQ(read.frames[1].index, 1);
  EXPECT_EQ(read.statistics.skipped_packets, 5);
  EXPECT_EQ(read.statistics.decoded, 2);
  EXPECT_CONTAINS(read.notes(), folder.file(1, "depth.png") + ": is cut short or damaged");
  EXPECT_CONTAINS(read.notes(), folder.file(3, "color.png") + ": is cut short or damaged");
  EXPECT_CONTAINS(read.notes(), folder.file(4, "depth.png") + ": the file is empty");
  EXPECT_CONTAINS(read.notes(), folder.file(5, "depth.png") + ": has pixels of the kind rgb24");
  EXPECT_CONTAINS(read.notes(), folder.file(7, "color.png") + ": is neither PNG nor JPEG");
}

TEST(RgbdSource, NothingToReadIsAnError) {
  const auto error_of = [](const std::filesystem::path& path,
                           const RgbdSourceOptions& options = {}) {
    return test::input_error_of([&] { RgbdSource source(path, test::quick(options)); });
  };
  RgbdFolder folder;
  EXPECT_CONTAINS(error_of(folder.path()),
                  "holds no RGB-D frames; expected frame-NNNNNN.color.png");
  EXPECT_CONTAINS(error_of(folder.file("none")), "none: no such folder");
  EXPECT_CONTAINS(error_of(folder.file("camera-intrinsics.txt")), "holds no RGB-D frames");
  folder.add(1);
  EXPECT_CONTAINS(error_of(folder.path(), {.frame_rate = 0}), "0 frames per second");
  EXPECT_CONTAINS(error_of(folder.path(), {.depth_encoding = DepthEncoding{0}}),
                  "0 units per metre");
  EXPECT_CONTAINS(error_of(folder.path(), {.source_id = "a/b"}), "a/b");
  test::cut_short(folder.file(1, "color.png"), 0.5);
  EXPECT_CONTAINS(error_of(folder.path()), "none of its 1 frames can be read");
  EXPECT_CONTAINS(error_of(folder.path()), folder.file(1, "color.png"));
  folder.remove(1, "color.png");
  EXPECT_CONTAINS(error_of(folder.path()), "no frame with both a colour and a depth image");
}

TEST(RgbdSource, BadPosesAreUnknownAndNamed) {
  RgbdFolder folder({1, 2, 3, 4, 5, 6});
  test::write_text(folder.file(1, "pose.txt"),
                   "-1.#IND 0 0 0\n0 -1.#IND 0 0\n0 0 -1.#IND 0\n0 0 0 1\n");
  test::write_text(folder.file(2, "pose.txt"), "inf 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1");
  test::write_text(folder.file(3, "pose.txt"), "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0");
  folder.remove(4, "pose.txt");
  test::write_text(folder.file(5, "pose.txt"), "1 2 3");
  const auto read = test::read_rgbd(folder.path());
  ASSERT_EQ(read.numbers, (Numbers{1, 2, 3, 4, 5, 6}));
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_FALSE(read.frames[i].pose.has_value()) << i + 1;
    const int number = static_cast<int>(i) + 1;
    EXPECT_CONTAINS(read.notes(), folder.file(number, number == 4 ? "color.png" : "pose.txt"));
  }
  EXPECT_TRUE(read.frames[5].pose.has_value());
  EXPECT_EQ(read.statistics.skipped_packets, 0);
}

TEST(RgbdSource, AFolderWithoutAnyPosesIsNotedOnce) {
  RgbdFolder folder({1, 2});
  for (const int number : {1, 2}) folder.remove(number, "pose.txt");
  const auto read = test::read_rgbd(folder.path());
  ASSERT_EQ(read.statistics.notes.size(), 1U) << read.notes();
  EXPECT_CONTAINS(read.notes(), folder.path().string() + " has no pose files");
  EXPECT_FALSE(read.frames[1].pose.has_value());
}

TEST(RgbdSource, UnknownPosesAreEstimatedAndThatIsSaid) {
  RgbdFolder folder({1, 2, 3, 4});
  for (const int number : {2, 3, 4}) folder.remove(number, "pose.txt");
  std::vector<std::optional<Pose>> known;
  RgbdSourceOptions options;
  options.estimate_pose = [&known](const RgbdView& view) -> std::optional<Pose> {
    EXPECT_EQ(view.colour.width, 64);
    EXPECT_EQ(view.depth.size(0), 48);
    EXPECT_EQ(view.intrinsics.fx, 60);
    EXPECT_EQ(test::read_number(view.colour), static_cast<int>(known.size()) + 1);
    known.push_back(view.known_pose);
    if (known.size() == 3) return std::nullopt;
    if (known.size() == 4) return Pose{};
    return test::pose_at(0, 0, static_cast<double>(known.size()));
  };
  const auto read = test::read_rgbd(folder.path(), options);
  ASSERT_EQ(known.size(), 4U) << "also asked about frames whose pose is known";
  EXPECT_EQ(known[0], test::pose_at(0.01, 0, 0));
  EXPECT_FALSE(known[1].has_value());
  EXPECT_EQ(read.frames[0].pose, test::pose_at(0.01, 0, 0)) << "what is known stays";
  EXPECT_FALSE(read.frames[0].pose_estimated);
  EXPECT_EQ(read.frames[1].pose, test::pose_at(0, 0, 2));
  EXPECT_TRUE(read.frames[1].pose_estimated);
  EXPECT_FALSE(read.frames[2].pose.has_value());
  EXPECT_FALSE(read.frames[2].pose_estimated);
  EXPECT_FALSE(read.frames[3].pose.has_value()) << "zeros are no pose";
  EXPECT_CONTAINS(read.notes(), "poses of 1 frames were estimated, not given");
  EXPECT_CONTAINS(read.notes(), "no pose could be estimated: " + folder.file(3, "color.png"));
}

TEST(RgbdSource, FramesAreTheSameAgainWhateverTheyAreReadInto) {
  RgbdFolder folder({1, 2, 3, 4, 5, 6});
  test::cut_short(folder.file(4, "color.png"), 0.5);
  const auto fresh = test::read_rgbd(folder.path());
  RgbdSource source(folder.path(), test::quick());
  SpatialFrame frame;
  frame.points.reshape(kernels::DType::f32, {3, 3});
  frame.depth.reshape(kernels::DType::f64, {7});
  frame.pose_estimated = true;
  for (const SpatialFrame& expected : fresh.frames) {
    ASSERT_TRUE(source.next(frame));
    EXPECT_EQ(frame.pts, expected.pts);
    EXPECT_EQ(frame.pose, expected.pose);
    EXPECT_FALSE(frame.pose_estimated);
    EXPECT_FALSE(frame.points.defined());
    const auto same = [](const kernels::Tensor& a, const kernels::Tensor& b) {
      const auto x = a.as<float>(), y = b.as<float>();
      return std::equal(x.begin(), x.end(), y.begin(), y.end());
    };
    EXPECT_TRUE(same(frame.depth, expected.depth));
    EXPECT_TRUE(same(frame.features, expected.features));
  }
  EXPECT_FALSE(source.next(frame));
}

TEST(RgbdSource, StopsWhenAsked) {
  RgbdFolder folder({1, 2, 3, 4, 5});
  std::atomic<bool> stop = false;
  SpatialFrame frame;
  {
    RgbdSource source(folder.path(), test::quick({.stop = &stop}));
    ASSERT_TRUE(source.next(frame));
    stop = true;
    EXPECT_FALSE(source.next(frame));
    EXPECT_EQ(source.statistics().frames, 1);
  }
  try {
    RgbdSource source(folder.path(), test::quick({.stop = &stop}));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Error::Kind::system);
  }
}

TEST(RgbdSource, MayBeLeftAtAnyTime) {
  RgbdFolder folder({1, 2, 3, 4, 5});
  for (int frames = 0; frames < 5; ++frames) {
    RgbdSource source(folder.path(), test::quick());
    SpatialFrame frame;
    for (int i = 0; i < frames; ++i) ASSERT_TRUE(source.next(frame));
  }
}

TEST(RgbdSource, AnEstimatorThatThrowsEndsTheStream) {
  RgbdFolder folder({1, 2, 3});
  RgbdSourceOptions options;
  options.estimate_pose = [](const RgbdView&) -> std::optional<Pose> {
    throw system_error("odometry", "out of order");
  };
  RgbdSource source(folder.path(), test::quick(options));
  SpatialFrame frame;
  EXPECT_THROW((void)source.next(frame), Error);
  EXPECT_FALSE(source.next(frame));
}

class RgbdFeatures : public testing::Test {
 protected:
  RgbdFolder folder_{{1, 2, 3, 4}};

  /// A file of features [frames,6,8] and attention [frames,6], every number being its frame's.
  std::string features(std::int64_t frames) {
    kernels::Tensor values(kernels::DType::f32, {frames, 6, 8});
    kernels::Tensor attention(kernels::DType::f32, {frames, 6});
    for (std::size_t i = 0; i < values.as<float>().size(); ++i)
      values.as<float>()[i] = static_cast<float>(i / 48);
    for (std::size_t i = 0; i < attention.as<float>().size(); ++i)
      attention.as<float>()[i] = static_cast<float>(i / 6);
    const std::vector<NamedTensor> tensors{{"features", values}, {"attention", attention}};
    write_safetensors(folder_.file("features.safetensors"), tensors, {{"grid", "2,3"}});
    return folder_.file("features.safetensors");
  }
};

TEST_F(RgbdFeatures, OfTheUsersEncoderReplaceTheTokenizers) {
  const auto read =
      test::read_rgbd(folder_.path(), {.features = features(4), .source_id = "encoder"});
  EXPECT_EQ(read.source.id, "encoder");
  EXPECT_EQ(read.source.grid_rows, 2);
  EXPECT_EQ(read.source.grid_cols, 3);
  EXPECT_EQ(read.source.feature_width, 8);
  EXPECT_EQ(read.source.image_width, 64);
  ASSERT_EQ(read.frames.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(read.frames[i].features.shape(), (kernels::Shape{6, 8}));
    EXPECT_EQ(read.frames[i].features.as<float>()[47], static_cast<float>(i));
    EXPECT_EQ(read.frames[i].attention.as<float>()[5], static_cast<float>(i));
  }
}

TEST_F(RgbdFeatures, StayWithTheirPictureWhenFramesAreSkipped) {
  test::cut_short(folder_.file(1, "color.png"), 0.5);
  folder_.remove(3, "depth.png");
  const auto read = test::read_rgbd(folder_.path(), {.features = features(4)});
  ASSERT_EQ(read.numbers, (Numbers{2, 4}));
  EXPECT_EQ(read.frames[0].features.as<float>()[0], 1);
  EXPECT_EQ(read.frames[1].features.as<float>()[0], 3);
  EXPECT_EQ(read.frames[1].attention.as<float>()[0], 3);
}

TEST_F(RgbdFeatures, AreCountedByColourPictures) {
  folder_.remove(2, "color.png");
  const auto read = test::read_rgbd(folder_.path(), {.features = features(3)});
  ASSERT_EQ(read.numbers, (Numbers{1, 3, 4}));
  EXPECT_EQ(read.frames[2].features.as<float>()[0], 2);
}

TEST_F(RgbdFeatures, MustBeAsManyAsThereArePictures) {
  const std::string message = test::input_error_of(
      [&] { (void)test::read_rgbd(folder_.path(), {.features = features(5)}); });
  EXPECT_CONTAINS(message, "features.safetensors: has features of 5 frames; expected 4");
  EXPECT_CONTAINS(test::input_error_of([&] {
                    (void)test::read_rgbd(folder_.path(), {.features = folder_.file("none")});
                  }),
                  "none");
}

TEST(KitchenRecording, IsReadToItsEnd) {
  if (test::recordings().empty())
    GTEST_SKIP() << "no recordings here: set SLUICE_TEST_RECORDINGS to their folder";
  const auto folder = test::recordings() / "kitchen_rgbd";
  ASSERT_TRUE(is_rgbd_folder(folder));
  RgbdSource source(folder);
  EXPECT_EQ(source.source().grid_rows, 24);
  EXPECT_EQ(source.source().grid_cols, 24);
  SpatialFrame frame;
  std::int64_t missing = 0, pixels = 0;
  while (source.next(frame)) {
    ASSERT_TRUE(frame.pose.has_value());
    EXPECT_EQ(frame.intrinsics.fx, 585);
    EXPECT_EQ(frame.features.size(0), 576);
    for (const float metres : frame.depth.as<float>()) {
      ++pixels;
      if (metres == 0) ++missing;
      ASSERT_LT(metres, 10);
    }
  }
  EXPECT_EQ(source.statistics().frames, 20);
  EXPECT_TRUE(source.statistics().notes.empty());
  EXPECT_NEAR(frame.pts, 19 / 30.0, 1e-12);
  EXPECT_NEAR(static_cast<double>(missing) / static_cast<double>(pixels), 0.11, 0.01);
}

}  // namespace
}  // namespace sluice::stream
