#include "stream/io/tum_folder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/io/rgbd_checks.h"
#include "tests/io/rgbd_samples.h"

namespace sluice::stream {
namespace {

class TumFolder : public testing::Test {
 protected:
  test::TemporaryFolder folder_;

  void lists(const std::string& rgb, const std::string& depth) {
    test::write_text(folder_.file("rgb.txt"), rgb);
    test::write_text(folder_.file("depth.txt"), depth);
  }
  void trajectory(const std::string& text) {
    test::write_text(folder_.file("groundtruth.txt"), text);
  }
  RgbdIndex index(double association_s = 0.02) {
    return index_tum_folder(folder_.path(), association_s);
  }
  static std::string notes(const RgbdIndex& index) {
    std::string text;
    for (const std::string& note : index.problems.notes()) text += note + "\n";
    return text;
  }
  /// "rgb file depth file" of every frame.
  static std::vector<std::string> pairs(const RgbdIndex& index) {
    std::vector<std::string> names;
    for (const RgbdFiles& frame : index.frames)
      names.push_back(frame.colour.filename().string() + " " + frame.depth.filename().string());
    return names;
  }
};

TEST_F(TumFolder, IsKnownByItsLists) {
  EXPECT_FALSE(is_tum_folder(folder_.path()));
  lists("1 a.png\n", "1 b.png\n");
  EXPECT_TRUE(is_tum_folder(folder_.path()));
  EXPECT_FALSE(is_tum_folder(folder_.file("rgb.txt")));
}

TEST_F(TumFolder, ReadsListsWithCommentsInAnyOrder) {
  lists(
      "# color images\n# file: 'x.bag'\n#timestamp filename\n\n"
      "1305031102.211214 rgb/c.png\r\n1305031102.175304 rgb/a.png\n   \n",
      "# depth maps\n1305031102.160407 depth/a.png\n1305031102.226738 depth/c.png");
  const RgbdIndex found = index();
  EXPECT_EQ(pairs(found), (std::vector<std::string>{"a.png a.png", "c.png c.png"}));
  EXPECT_EQ(found.frames[0].colour, folder_.path() / "rgb/a.png");
  EXPECT_EQ(found.frames[0].depth, folder_.path() / "depth/a.png");
  EXPECT_EQ(found.frames[0].pts, 0);
  EXPECT_NEAR(found.frames[1].pts, 0.03591, 1e-6);
  EXPECT_EQ(found.encoding.units_per_metre, 5000);
  EXPECT_FALSE(found.depth_camera.has_value());
}

TEST_F(TumFolder, TheClosestPairsComeFirstAndEachFileIsUsedOnce) {
  // b is within reach of 1 and 2, but closer to 2; a gets what is left.
  lists("1.000 a\n1.015 b\n3.000 lone\n", "0.995 x\n1.013 y\n1.018 z\n5.000 w\n");
  const RgbdIndex found = index();
  EXPECT_EQ(pairs(found), (std::vector<std::string>{"a x", "b y"}));
  EXPECT_EQ(found.frames[1].picture, 1);
  EXPECT_EQ(found.pictures, 3);
  EXPECT_EQ(found.incomplete, 1);
  EXPECT_CONTAINS(notes(found), "1 of 3 pictures skipped: no depth image within 0.02 s");
}

TEST_F(TumFolder, TiesGoToTheEarliest) {
  lists("0.5 a\n1.0 b\n1.5 c\n", "0.75 x\n1.25 y\n");
  EXPECT_EQ(pairs(index(0.25)), (std::vector<std::string>{"a x", "b y"}));
}

TEST_F(TumFolder, TheToleranceDecides) {
  lists("1.00 a\n2.00 b\n", "1.03 x\n2.01 y\n");
  EXPECT_EQ(pairs(index()), (std::vector<std::string>{"b y"}));
  EXPECT_EQ(pairs(index(0.05)).size(), 2U);
  EXPECT_CONTAINS(test::input_error_of([&] { (void)index(0.001); }),
                  "expected times at most 0.001 s apart");
  EXPECT_CONTAINS(test::input_error_of([&] { (void)index(-1); }), "0 to 10 s");
  EXPECT_CONTAINS(test::input_error_of([&] { (void)index(std::nan("")); }), "0 to 10 s");
}

/// The benchmark's associate.py, as written: all pairs, sorted, greedy.
std::vector<std::pair<int, int>> published_association(const std::vector<double>& a,
                                                       const std::vector<double>& b, double most) {
  struct Pair {
    double apart;
    int i, j;
  };
  std::vector<Pair> all;
  for (int i = 0; i < static_cast<int>(a.size()); ++i)
    for (int j = 0; j < static_cast<int>(b.size()); ++j) {
      const double apart =
          std::abs(a[static_cast<std::size_t>(i)] - b[static_cast<std::size_t>(j)]);
      if (apart < most) all.push_back({apart, i, j});
    }
  std::stable_sort(all.begin(), all.end(),
                   [](const Pair& x, const Pair& y) { return x.apart < y.apart; });
  std::vector<bool> a_used(a.size()), b_used(b.size());
  std::vector<std::pair<int, int>> matches;
  for (const Pair& pair : all) {
    const auto i = static_cast<std::size_t>(pair.i), j = static_cast<std::size_t>(pair.j);
    if (a_used[i] || b_used[j]) continue;
    a_used[i] = b_used[j] = true;
    matches.emplace_back(pair.i, pair.j);
  }
  std::sort(matches.begin(), matches.end());
  return matches;
}

TEST_F(TumFolder, AssociatesAsTheBenchmarksTool) {
  constexpr std::uint64_t seed = 51;
  std::mt19937_64 random(seed);
  for (int round = 0; round < 50; ++round) {
    const auto times = [&random](std::string& text, const char* name) {
      std::vector<double> result;
      double time = 100;
      for (std::uint64_t i = 1 + random() % 25; i > 0; --i) {
        // In steps of 1 ms, so that there are ties; never on the edge of the tolerance.
        time += static_cast<double>(random() % 61) / 1024;
        result.push_back(time);
      }
      for (std::size_t i = 0; i < result.size(); ++i)
        text += std::to_string(result[i]) + " " + name + std::to_string(i) + "\n";
      // As the file has them, with six digits.
      for (double& value : result) value = std::stod(std::to_string(value));
      return result;
    };
    std::string rgb, depth;
    const auto a = times(rgb, "a"), b = times(depth, "b");
    lists(rgb, depth);
    const auto expected = published_association(a, b, 0.0201);
    std::vector<std::string> names;
    for (const auto& [i, j] : expected) names.push_back(concat("a", i, " b", j));
    if (names.empty()) {
      EXPECT_THROW((void)index(0.0201), Error);
    } else {
      ASSERT_EQ(pairs(index(0.0201)), names) << "seed " << seed << ", round " << round;
    }
  }
}

TEST_F(TumFolder, PosesAreTheNearestOfTheTrajectory) {
  lists("1.00 a\n2.00 b\n3.00 c\n", "1.00 a\n2.00 b\n3.00 c\n");
  trajectory(
      "# timestamp tx ty tz qx qy qz qw\n"
      "0.992 1 2 3 0 0 0 1\n"
      "1.005 4 5 6 0 0 0.70710678 0.70710678\n"
      "2.019 7 8 9 0 0 0 1\n"
      "3.03 1 1 1 0 0 0 1\n");
  const RgbdIndex found = index();
  ASSERT_TRUE(found.frames[0].pose.has_value());
  EXPECT_EQ(origin(*found.frames[0].pose), (Vec3{4, 5, 6}));
  const Vec3 x = rotate(*found.frames[0].pose, {1, 0, 0});
  EXPECT_NEAR(x[1], 1, 1e-12) << "a quarter turn about z";
  EXPECT_EQ(origin(found.frames[1].pose.value()), (Vec3{7, 8, 9}));
  EXPECT_FALSE(found.frames[2].pose.has_value());
  EXPECT_CONTAINS(notes(found), "1 of 3 frames without a pose: none within 0.02 s");
}

TEST_F(TumFolder, WhereTrackingWasLostThereIsNoPose) {
  lists("1 a\n2 b\n3 c\n4 d\n", "1 a\n2 b\n3 c\n4 d\n");
  trajectory("1 0 0 0 0 0 0 0\n2 nan nan nan nan nan nan nan\n3 0 0 0 3 4 0 0\n4 0 0 1 0 0 0 1\n");
  const RgbdIndex found = index();
  for (std::size_t i = 0; i < 3; ++i) EXPECT_FALSE(found.frames[i].pose.has_value()) << i;
  EXPECT_TRUE(found.frames[3].pose.has_value());
  EXPECT_CONTAINS(notes(found), "groundtruth.txt:1: no pose");
  EXPECT_CONTAINS(notes(found), "groundtruth.txt:3: no pose");
}

TEST_F(TumFolder, WithoutATrajectoryPosesAreUnknown) {
  lists("1 a\n", "1 b\n");
  const RgbdIndex found = index();
  EXPECT_FALSE(found.frames[0].pose.has_value());
  EXPECT_CONTAINS(notes(found), "groundtruth.txt: no such file, so that poses are unknown");
}

TEST_F(TumFolder, MalformedLinesAreNamedAndTheRestGoesOn) {
  lists("# comment\n1.0 a.png\nrgb/b.png\n2.0 b.png extra\nnan c.png\n3.0 c.png\n",
        "1.0 a.png\nzwei b.png\n3.0 c.png\n");
  trajectory("1.0 1 2 3 0 0 0\n3.0 1 2 3 0 0 0 1\n");
  const RgbdIndex found = index();
  EXPECT_EQ(pairs(found), (std::vector<std::string>{"a.png a.png", "c.png c.png"}));
  for (const char* place :
       {"rgb.txt:3: ", "rgb.txt:4: ", "rgb.txt:5: ", "/depth.txt:2: ", "groundtruth.txt:1: "})
    EXPECT_CONTAINS(notes(found), place);
  EXPECT_CONTAINS(notes(found), "line skipped; expected a time in seconds and a file");
}

TEST_F(TumFolder, ListsWithoutFilesAreErrors) {
  lists("# nothing\n", "1 a\n");
  EXPECT_CONTAINS(test::input_error_of([&] { (void)index(); }), "rgb.txt: names no files");
  lists("1 a\n", "");
  EXPECT_CONTAINS(test::input_error_of([&] { (void)index(); }), "depth.txt: names no files");
}

TEST_F(TumFolder, ThePublishedCamerasAreKnownByName) {
  const auto make = [this](const std::string& name) {
    const auto folder = folder_.path() / name;
    std::filesystem::create_directory(folder);
    test::write_text((folder / "rgb.txt").string(), "1 a\n");
    test::write_text((folder / "depth.txt").string(), "1 b\n");
    return folder;
  };
  const auto first = index_tum_folder(make("rgbd_dataset_freiburg1_xyz"), 0.02).published_camera;
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->camera.intrinsics.fx, 517.3);
  EXPECT_EQ(first->camera.width, 640);
  EXPECT_EQ(index_tum_folder(make("freiburg3"), 0.02).published_camera->camera.intrinsics.cy,
            247.6);
  EXPECT_FALSE(index_tum_folder(make("office"), 0.02).published_camera.has_value());
  const auto own = make("freiburg2_desk");
  test::write_text((own / "camera-intrinsics.txt").string(), "500 0 320 0 500 240 0 0 1");
  RgbdIndex found = index_tum_folder(own, 0.02);
  read_camera_files(found);
  EXPECT_EQ(found.colour_camera->camera.intrinsics.fx, 500) << "a file says more than a name";
  std::filesystem::remove(own / "camera-intrinsics.txt");
  found = index_tum_folder(own, 0.02);
  read_camera_files(found);
  EXPECT_EQ(found.colour_camera->camera.intrinsics.fx, 520.9);
}

TEST_F(TumFolder, IsReadAsFrames) {
  for (const char* part : {"rgb", "depth"}) std::filesystem::create_directory(folder_.file(part));
  std::string rgb, depth, poses;
  for (int i = 0; i < 5; ++i) {
    const std::string name = std::to_string(i) + ".png";
    test::write_picture(folder_.file("rgb/" + name), 64, 48, 20 + i);
    test::write_depth(folder_.file("depth/" + name), 64, 48,
                      [i](int, int) { return static_cast<std::uint16_t>(5000 + 500 * i); });
    rgb += std::to_string(100 + i * 0.1) + " rgb/" + name + "\n";
    depth += std::to_string(100.005 + i * 0.1) + " depth/" + name + "\n";
    poses += std::to_string(100.001 + i * 0.1) + " " + std::to_string(i) + " 0 0 0 0 0 1\n";
  }
  lists(rgb, depth);
  trajectory(poses);
  std::filesystem::remove(folder_.file("depth/1.png"));
  test::cut_short(folder_.file("rgb/3.png"), 0.5);
  EXPECT_CONTAINS(test::input_error_of([&] { (void)test::read_rgbd(folder_.path()); }),
                  "intrinsics are unknown");
  const auto read = test::read_rgbd(folder_.path(), {.intrinsics = Intrinsics{60, 60, 31.5, 23.5}});
  EXPECT_EQ(read.numbers, (std::vector<int>{20, 22, 24}));
  for (std::size_t i = 0; i < 3; ++i) {
    const int frame = 2 * static_cast<int>(i);
    EXPECT_NEAR(read.frames[i].pts, 0.1 * frame, 1e-6);
    EXPECT_EQ(read.frames[i].pose, test::pose_at(frame, 0, 0));
    EXPECT_FLOAT_EQ(read.frames[i].depth.as<float>()[7], 1 + 0.1F * static_cast<float>(frame));
  }
  EXPECT_EQ(read.statistics.skipped_packets, 2);
  EXPECT_CONTAINS(read.notes(), folder_.file("depth/1.png") + ": no such file");
  EXPECT_CONTAINS(read.notes(), folder_.file("rgb/3.png") + ": is cut short or damaged");
}

}  // namespace
}  // namespace sluice::stream
