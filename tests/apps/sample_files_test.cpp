// The sample's folder: every file agrees with the scene it was made from, also when interrupted.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "apps/sample/truth.h"
#include "apps/sample/write_sample.h"
#include "kernels/error.h"
#include "stream/io/video_reader.h"
#include "stream/safetensors.h"

namespace sluice::sample {
namespace {

namespace fs = std::filesystem;

const WriteOptions tiny{
    .seed = 3,
    .scene = {.width = 160, .height = 120, .fps = 10, .seconds = 3, .threads = 2},
    .rgbd_fps = 2,
    .truth_fps = 5};

class SampleFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::temp_directory_path() /
              ("sluice-sample-" + std::to_string(getpid()) + "-" + info->name());
  }
  void TearDown() override { fs::remove_all(folder_); }

  [[nodiscard]] std::string text(const fs::path& name) const {
    std::ifstream in(folder_ / name, std::ios::binary);
    EXPECT_TRUE(in) << name;
    return {std::istreambuf_iterator<char>(in), {}};
  }
  [[nodiscard]] std::set<std::string> names(const fs::path& part) const {
    std::set<std::string> found;
    for (const auto& entry : fs::directory_iterator(folder_ / part)) {
      found.insert(entry.path().filename().string());
    }
    return found;
  }
  [[nodiscard]] std::vector<stream::VideoFrame> pictures(const fs::path& name) const {
    stream::VideoReader reader((folder_ / name).string());
    std::vector<stream::VideoFrame> frames;
    stream::VideoFrame frame;
    while (reader.next(frame)) frames.push_back(frame);
    return frames;
  }

  fs::path folder_;
};

TEST_F(SampleFiles, AgreeWithTheScene) {
  const WrittenSample written = write_sample(folder_, tiny);
  EXPECT_EQ(written.video_frames, 30);
  EXPECT_EQ(written.rgbd_frames, 6);
  EXPECT_EQ(written.truth_pairs, 14);
  EXPECT_FALSE(written.stopped);
  const SampleScene scene(tiny.seed, tiny.scene);

  const auto video = pictures("video.mp4");
  ASSERT_EQ(video.size(), 30u);
  EXPECT_NEAR(video[29].pts, 2.9, 1e-4);

  // Pictures and masks come back exactly.
  const RenderedFrame frame = scene.render(15);
  EXPECT_EQ(pictures("rgbd/frame-000015.color.png").at(0).image.rgb, frame.color.rgb);
  const stream::Image mask = pictures("masks/frame-000015.png").at(0).image;
  for (std::size_t i = 0; i < frame.object_id.size(); ++i) {
    ASSERT_EQ(mask.rgb[3 * i], frame.object_id[i]);
  }

  // So do the pose and the intrinsics.
  std::ifstream pose(folder_ / "rgbd" / "frame-000015.pose.txt");
  for (const double expected : frame.camera_to_world) {
    double value = 0;
    ASSERT_TRUE(pose >> value);
    EXPECT_EQ(value, expected);
  }
  std::ifstream intrinsics(folder_ / "rgbd" / "camera-intrinsics.txt");
  std::vector<double> k(std::istream_iterator<double>(intrinsics), {});
  EXPECT_EQ(k, (std::vector<double>{frame.intrinsics.fx, 0, frame.intrinsics.cx, 0,
                                    frame.intrinsics.fy, frame.intrinsics.cy, 0, 0, 1}));
}

TEST_F(SampleFiles, DepthIsInMillimetres) {
  if (std::system("ffmpeg -version >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "needs the ffmpeg program to decode with";
  }
  write_sample(folder_, tiny);
  const std::string raw = (folder_ / "depth.raw").string();
  const std::string command = "ffmpeg -v error -i '" +
                              (folder_ / "rgbd" / "frame-000005.depth.png").string() +
                              "' -f rawvideo -pix_fmt gray16le '" + raw + "'";
  ASSERT_EQ(std::system(command.c_str()), 0);
  const std::string bytes = text("depth.raw");
  const RenderedFrame frame = SampleScene(tiny.seed, tiny.scene).render_geometry(5);
  ASSERT_EQ(bytes.size(), 2 * frame.depth_m.size());
  for (std::size_t i = 0; i < frame.depth_m.size(); ++i) {
    const int millimetres = static_cast<unsigned char>(bytes[2 * i]) +
                            256 * static_cast<unsigned char>(bytes[2 * i + 1]);
    ASSERT_EQ(millimetres, std::lround(frame.depth_m[i] * 1000.0f));
  }
}

TEST_F(SampleFiles, TruthIsThatOfTheFramesItNames) {
  write_sample(folder_, tiny);
  const stream::SafetensorsFile file(folder_ / "truth.safetensors");
  const auto truth = file.contents().tensor("truth");
  const auto frame = file.contents().tensor("frame");
  ASSERT_EQ(truth.shape(), (kernels::Shape{14, 196}));
  ASSERT_EQ(frame.shape(), (kernels::Shape{15}));
  const SampleScene scene(tiny.seed, tiny.scene);
  for (std::size_t pair = 0; pair < 14; ++pair) {
    const auto index = frame.as<std::int32_t>();
    const auto expected = patch_truth(scene.render_geometry(index[pair]),
                                      scene.render_geometry(index[pair + 1]), 14, 14);
    for (std::size_t patch = 0; patch < 196; ++patch) {
      ASSERT_EQ(truth.as<std::uint8_t>()[196 * pair + patch],
                static_cast<std::uint8_t>(expected[patch]));
    }
  }
}

TEST_F(SampleFiles, DescribeObjectsShotsAndEvents) {
  write_sample(folder_, tiny);
  const auto objects = nlohmann::json::parse(text("objects.json")).at("objects");
  std::set<std::string> roles;
  std::set<int> ids;
  for (const auto& object : objects) {
    roles.insert(object.at("role"));
    EXPECT_TRUE(ids.insert(object.at("id").get<int>()).second);
    EXPECT_FALSE(object.at("name").get<std::string>().empty());
  }
  for (const char* role : {"target", "gripper", "newcomer"}) EXPECT_TRUE(roles.contains(role));
  const auto scene = nlohmann::json::parse(text("scene.json"));
  EXPECT_EQ(scene.at("shots").size(), 4u);
  EXPECT_TRUE(scene.at("counts").at("complete").get<bool>());
  for (const auto& event : scene.at("events")) {
    EXPECT_TRUE(ids.contains(event.at("object").get<int>()));
    EXPECT_LT(event.at("frame").get<int>(), 30);
  }
  EXPECT_NE(text("README.txt").find("Nothing here was recorded"), std::string::npos);
}

TEST_F(SampleFiles, AreTheSameInEveryRun) {
  write_sample(folder_ / "a", tiny);
  WriteOptions other = tiny;
  other.scene.threads = 1;
  write_sample(folder_ / "b", other);
  for (const char* name : {"video.mp4", "truth.safetensors", "scene.json", "objects.json",
                           "rgbd/frame-000010.color.png", "rgbd/frame-000010.depth.png"}) {
    EXPECT_EQ(text(fs::path("a") / name), text(fs::path("b") / name)) << name;
  }
}

TEST_F(SampleFiles, AStoppedSampleIsAShorterOne) {
  std::atomic<bool> stop = false;
  const auto progress = [&](std::int64_t done, std::int64_t total) {
    EXPECT_EQ(total, 30);
    if (done == 8) stop = true;
  };
  const WrittenSample written = write_sample(folder_, tiny, progress, &stop);
  EXPECT_TRUE(written.stopped);
  EXPECT_EQ(written.video_frames, 8);
  EXPECT_EQ(pictures("video.mp4").size(), 8u);
  const stream::SafetensorsFile file(folder_ / "truth.safetensors");
  EXPECT_EQ(file.contents().tensor("truth").size(0), 3);
  EXPECT_FALSE(nlohmann::json::parse(text("scene.json")).at("counts").at("complete").get<bool>());
  EXPECT_EQ(names("masks"), (std::set<std::string>{"frame-000000.png", "frame-000005.png"}));
}

TEST_F(SampleFiles, AnEarlierSamplesFramesAreRemovedAndNothingElse) {
  write_sample(folder_, tiny);
  std::ofstream(folder_ / "rgbd" / "notes.txt") << "mine";
  std::ofstream(folder_ / "rgbd" / "frame-of-mind.txt") << "mine";
  WriteOptions sparse = tiny;
  sparse.rgbd_fps = 0.5;
  write_sample(folder_, sparse);
  EXPECT_EQ(names("masks"), (std::set<std::string>{"frame-000000.png", "frame-000020.png"}));
  EXPECT_TRUE(names("rgbd").contains("notes.txt"));
  EXPECT_TRUE(names("rgbd").contains("frame-of-mind.txt"));
}

TEST_F(SampleFiles, BadOptionsWriteNothing) {
  WriteOptions bad = tiny;
  bad.scene.width = -1;
  EXPECT_THROW(write_sample(folder_, bad), Error);
  bad = tiny;
  bad.crf = 99;
  EXPECT_THROW(write_sample(folder_, bad), Error);
  bad = tiny;
  bad.truth_fps = -1;
  EXPECT_THROW(write_sample(folder_, bad), Error);
  bad = tiny;
  bad.grid_rows = 0;
  EXPECT_THROW(write_sample(folder_, bad), Error);
  EXPECT_FALSE(fs::exists(folder_));
}

}  // namespace
}  // namespace sluice::sample
