#include "stream/io/camera_file.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stream/io/text_numbers.h"
#include "tests/io/rgbd_checks.h"
#include "tests/io/rgbd_samples.h"

namespace sluice::stream {
namespace {

class CameraFile : public testing::Test {
 protected:
  test::TemporaryFolder folder_;
  std::string text(const std::string& contents) {
    test::write_text(folder_.file("camera.txt"), contents);
    return folder_.file("camera.txt");
  }
};

TEST_F(CameraFile, IntrinsicsAsTheyAreFoundInTheWild) {
  for (const char* contents :
       {"5.85e+02\t 0 \t3.2e2\t\r\n0.00000000e+00\t+5.80e+02\t240.5\r\n0 0 1\r\n",
        "585 0 320 0 580 240.5 0 0 1", "\n\n585 0.5 320\n0 580 240.5\n0 0 1.0"}) {
    const Intrinsics k = read_intrinsics(text(contents));
    EXPECT_EQ(k.fx, 585);
    EXPECT_EQ(k.fy, 580);
    EXPECT_EQ(k.cx, 320);
    EXPECT_EQ(k.cy, 240.5);
  }
}

TEST_F(CameraFile, OtherMatricesAreNoIntrinsics) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "holds 0 numbers"},
      {"585 585 320 240", "holds 4 numbers"},
      {"585 0 320 0  0 585 240 0  0 0 1 0", "holds 12 numbers"},
      {"fx 0 320 0 585 240 0 0 1", "\"fx\" is no number"},
      {"585,0,320\n0,585,240\n0,0,1", "is no number"},
      {"nan 0 320 0 585 240 0 0 1", "not finite"},
      {"585 0 inf 0 585 240 0 0 1", "not finite"},
      {"-1.#IND 0 320 0 585 240 0 0 1", "not finite"},
      {"-585 0 320 0 585 240 0 0 1", "focal lengths -585 and 585"},
      {"585 0 320 0 0 240 0 0 1", "focal lengths 585 and 0"},
      {"585 0 0 0 585 0 320 240 1", "the lower left"},
      {"585 0 320 0 585 240 0 0 2", "the lower left"},
      {"585 100 320 0 585 240 0 0 1", "skew 100"}};
  for (const auto& [contents, problem] : cases) {
    const std::string message =
        test::input_error_of([&] { (void)read_intrinsics(text(contents)); });
    EXPECT_CONTAINS(message, folder_.file("camera.txt"));
    EXPECT_CONTAINS(message, problem);
    EXPECT_CONTAINS(message, "expected ");
  }
  EXPECT_CONTAINS(test::input_error_of([&] { (void)read_intrinsics(folder_.file("none.txt")); }),
                  "none.txt: no such file");
}

TEST_F(CameraFile, Poses) {
  const Pose pose = read_pose(text("0 -1 0 0.5\n 1 0 0 -2.5e-001\n 0 0 1 7\n 0 0 0 1\n"));
  EXPECT_EQ(pose, (Pose{0, -1, 0, 0.5, 1, 0, 0, -0.25, 0, 0, 1, 7, 0, 0, 0, 1}));
}

TEST_F(CameraFile, LostAndBrokenPosesAreRefused) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0", "is not rigid"},
      {"1 0 0 0 0 1 0 0 0 0 1 0 0 0 0", "holds 15 numbers"},
      {"1 0 0 nan 0 1 0 0 0 0 1 0 0 0 0 1", "not finite"},
      {"-1.#IND00 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1", "not finite"},
      {"1.#INF 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1", "not finite"},
      {"1 0 0 -inf 0 1 0 0 0 0 1 0 0 0 0 1", "not finite"},
      {"2 0 0 0 0 2 0 0 0 0 2 0 0 0 0 1", "is not rigid"},
      {"1 0 0 0 0 1 0 0 0 0 -1 0 0 0 0 1", "is not rigid"},
      {"1 0 0 0 0 1 0 0 0 0 1 0 3 4 5 1", "is not rigid"},
      {"lost", "\"lost\" is no number"}};
  for (const auto& [contents, problem] : cases) {
    const std::string message = test::input_error_of([&] { (void)read_pose(text(contents)); });
    EXPECT_CONTAINS(message, folder_.file("camera.txt"));
    EXPECT_CONTAINS(message, problem);
  }
}

TEST_F(CameraFile, HugeFilesAreNotRead) {
  EXPECT_CONTAINS(test::input_error_of([&] { (void)read_pose(text(std::string(70000, ' '))); }),
                  "has 70000 bytes");
}

TEST(TextNumbers, WordsAndNumbers) {
  EXPECT_EQ(split_words("  a\t b\r\nc "), (std::vector<std::string_view>{"a", "b", "c"}));
  EXPECT_TRUE(split_words(" \n").empty());
  EXPECT_EQ(parse_number("+7.0352107e-001"), 0.70352107);
  EXPECT_EQ(parse_number("-12"), -12);
  EXPECT_EQ(parse_number("-inf"), -std::numeric_limits<double>::infinity());
  for (const char* word : {"NaN", "nan", "-nan", "-1.#IND", "1.#QNAN0", "1.#INF"})
    EXPECT_FALSE(std::isfinite(parse_number(word).value())) << word;
  for (const char* word : {"", "+", "+-1", "1,5", "0x10", "1e999", "1.5m", "#"})
    EXPECT_FALSE(parse_number(word).has_value()) << word;
}

}  // namespace
}  // namespace sluice::stream
