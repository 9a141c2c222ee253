#include "stream/depth_image.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "stream/pose.h"
#include "tests/stream/blobs.h"
#include "tests/support/random_clip.h"

namespace sluice::stream {
namespace {

using kernels::Tensor;
using sluice::test::Random;

constexpr float nan = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

std::vector<float> decoded(const std::vector<std::uint16_t>& raw, const DepthEncoding& encoding) {
  std::vector<float> metres(raw.size(), -1);
  decode_depth(raw, encoding, metres);
  return metres;
}

Tensor image(std::int32_t height, std::int32_t width, const std::vector<float>& values) {
  return Tensor::from<float>(values, {height, width});
}

Tensor filled(std::int32_t height, std::int32_t width, float value) {
  return image(height, width, std::vector<float>(static_cast<std::size_t>(height * width), value));
}

std::vector<float> values_of(const Tensor& tensor) {
  const auto values = tensor.as<float>();
  return {values.begin(), values.end()};
}

std::vector<float> registered(const Tensor& depth, const Camera& camera, const Pose& pose,
                              const Camera& target) {
  Tensor result = filled(1, 1, 7);  // of another size, and not empty
  register_depth(depth, camera, pose, target, result);
  EXPECT_EQ(result.shape(), (kernels::Shape{target.height, target.width}));
  return values_of(result);
}

Pose moved(double x, double y, double z) {
  Pose pose = identity_pose();
  pose[3] = x;
  pose[7] = y;
  pose[11] = z;
  return pose;
}

TEST(DepthDecoding, UnitsAndInvalidValues) {
  EXPECT_EQ(decoded({0, 1, 1000, 2500, 65534, 65535}, {}),
            (std::vector<float>{0, 0.001F, 1, 2.5F, 65.534F, 0}));
  EXPECT_EQ(decoded({0, 5000, 65535}, {.units_per_metre = 5000}), (std::vector<float>{0, 1, 0}));
  EXPECT_EQ(decoded({0, 4000, 65535}, {.units_per_metre = 4000, .invalid = 0}),
            (std::vector<float>{0, 1, 16.38375F}));
  EXPECT_EQ(decoded({2047, 2046}, {.units_per_metre = 1, .invalid = 2047}),
            (std::vector<float>{0, 2046}));
}

TEST(DepthDecoding, RejectsImpossibleUnitsAndSizes) {
  for (const double units : {0.0, -1000.0, std::nan(""), HUGE_VAL}) {
    const auto message =
        test::input_error_of([&] { (void)decoded({1}, {.units_per_metre = units}); });
    EXPECT_CONTAINS(message, "units per metre");
  }
  std::vector<float> metres(3);
  const std::vector<std::uint16_t> raw(4);
  EXPECT_CONTAINS(test::input_error_of([&] { decode_depth(raw, {}, metres); }), "3 pixels");
}

TEST(DepthCleaning, OnlyPositiveFiniteDepthsStay) {
  std::vector<float> metres{1.5F, nan, -nan, infinity, -infinity, -0.1F, -0.0F, 0, 1e-6F};
  clean_depth(metres);
  EXPECT_EQ(metres, (std::vector<float>{1.5F, 0, 0, 0, 0, 0, 0, 0, 1e-6F}));
  EXPECT_FALSE(std::signbit(metres[6]));
}

TEST(CameraSize, TheCentreStaysInTheCentre) {
  const Camera camera{{600, 500, 319.5, 239.5}, 640, 480};
  const Camera half = resized(camera, 320, 120);
  EXPECT_EQ(half.width, 320);
  EXPECT_EQ(half.height, 120);
  EXPECT_DOUBLE_EQ(half.intrinsics.fx, 300);
  EXPECT_DOUBLE_EQ(half.intrinsics.fy, 125);
  EXPECT_DOUBLE_EQ(half.intrinsics.cx, 159.5);
  EXPECT_DOUBLE_EQ(half.intrinsics.cy, 59.5);
  EXPECT_DOUBLE_EQ(resized({{1, 1, 0, 0}, 2, 2}, 4, 4).intrinsics.cx, 0.5)
      << "the left of two pixels is the left two of four";
}

TEST(CameraSize, EveryRayKeepsItsRelativePlace) {
  Random random(41);
  for (int round = 0; round < 300; ++round) {
    const Camera camera{{random.between(10, 900), random.between(10, 900), random.between(0, 99),
                         random.between(0, 99)},
                        100,
                        100};
    const auto width = static_cast<std::int32_t>(random.integer(1, 3000));
    const auto height = static_cast<std::int32_t>(random.integer(1, 3000));
    const Camera other = resized(camera, width, height);
    const double x = random.between(-1, 1), y = random.between(-1, 1);
    const auto place = [&](const Camera& seen_by) {
      const Intrinsics& k = seen_by.intrinsics;
      return std::pair((k.fx * x + k.cx + 0.5) / seen_by.width,
                       (k.fy * y + k.cy + 0.5) / seen_by.height);
    };
    EXPECT_NEAR(place(camera).first, place(other).first, 1e-10);
    EXPECT_NEAR(place(camera).second, place(other).second, 1e-10);
  }
  EXPECT_CONTAINS(test::input_error_of([] { (void)resized({{1, 1, 0, 0}, 4, 4}, 0, 4); }), "0x4");
  EXPECT_CONTAINS(test::input_error_of([] { (void)resized({{1, 1, 0, 0}, 0, 4}, 4, 4); }), "0x4");
}

TEST(CameraValidation, AcceptsCropsAndRejectsNonsense) {
  validate(Camera{{585, 585, 320, 240}, 640, 480}, "camera");
  validate(Camera{{585, 585, -100, 700}, 640, 480}, "camera");
  const double no_number = std::nan("");
  for (const Intrinsics& wrong :
       {Intrinsics{0, 585, 320, 240}, Intrinsics{585, -1, 320, 240},
        Intrinsics{no_number, 585, 320, 240}, Intrinsics{585, HUGE_VAL, 320, 240},
        Intrinsics{585, 585, no_number, 240}, Intrinsics{585, 585, 320, HUGE_VAL},
        Intrinsics{585, 585, -700, 240}, Intrinsics{585, 585, 320, 1000}}) {
    const auto message = test::input_error_of([&] { validate(Camera{wrong, 640, 480}, "k.txt"); });
    EXPECT_CONTAINS(message, "k.txt: ");
  }
  EXPECT_CONTAINS(test::input_error_of([] {
                    validate(Camera{{1, 1, 0, 0}, 0, 5}, "k.txt");
                  }),
                  "0x5");
}

TEST(RegisterDepth, TheSameCameraSeesTheSame) {
  Random random(42);
  std::vector<float> values;
  for (int i = 0; i < 12 * 17; ++i)
    values.push_back(random.chance(0.2) ? 0 : static_cast<float>(random.between(0.3, 8)));
  const Camera camera{{30, 28, 7.3, 6.1}, 17, 12};
  EXPECT_EQ(registered(image(12, 17, values), camera, identity_pose(), camera), values);
}

TEST(RegisterDepth, ABaselineShiftsByItsDisparity) {
  // A plane at 2 m; the colour camera 0.1 m to the left sees it 100·0.1/2 = 5 pixels to the right.
  const Camera camera{{100, 100, 9.5, 4.5}, 20, 10};
  const auto result = registered(filled(10, 20, 2), camera, moved(0.1, 0, 0), camera);
  for (std::size_t i = 0; i < result.size(); ++i)
    EXPECT_EQ(result[i], i % 20 < 5 ? 0.0F : 2.0F) << "pixel " << i;
}

TEST(RegisterDepth, TheNearestPointStays) {
  // Four pixels share one of the target; its depth is along the target's axis.
  const Camera camera{{4, 4, 0.5, 0.5}, 2, 2};
  const Camera target = resized(camera, 1, 1);
  EXPECT_EQ(registered(image(2, 2, {3, 0, 1.5F, 2}), camera, moved(0, 0, 0.25), target),
            (std::vector<float>{1.75F}));
}

TEST(RegisterDepth, WhatIsInvalidOrBehindIsLeftOut) {
  // Of these only 3 m, on the axis, lies before a colour camera that stands 2 m ahead.
  const Camera camera{{4, 4, 2, 1}, 4, 2};
  EXPECT_EQ(registered(image(2, 4, {nan, infinity, -1, 0, -infinity, 1, 3, 2}), camera,
                       moved(0, 0, -2), camera),
            (std::vector<float>{0, 0, 0, 0, 0, 0, 1, 0}));
  EXPECT_EQ(registered(filled(2, 4, 0), camera, identity_pose(), camera),
            std::vector<float>(8, 0.0F));
}

/// Each target pixel asks all points: as slow as it is plain.
std::vector<float> naive_registration(const Tensor& depth, const Camera& camera, const Pose& pose,
                                      const Camera& target) {
  std::vector<double> nearest(static_cast<std::size_t>(target.width * target.height), 0);
  const auto values = depth.as<float>();
  for (int v = 0; v < camera.height; ++v)
    for (int u = 0; u < camera.width; ++u) {
      const double z = values[static_cast<std::size_t>(v * camera.width + u)];
      if (std::isnan(z) || std::isinf(z) || z <= 0) continue;
      const double in[4] = {(u - camera.intrinsics.cx) * z / camera.intrinsics.fx,
                            (v - camera.intrinsics.cy) * z / camera.intrinsics.fy, z, 1};
      double out[3] = {};
      for (std::size_t row = 0; row < 3; ++row)
        for (std::size_t col = 0; col < 4; ++col) out[row] += pose[4 * row + col] * in[col];
      if (out[2] <= 0) continue;
      const double x = target.intrinsics.fx * out[0] / out[2] + target.intrinsics.cx;
      const double y = target.intrinsics.fy * out[1] / out[2] + target.intrinsics.cy;
      for (int row = 0; row < target.height; ++row)
        for (int col = 0; col < target.width; ++col) {
          const bool hit = x >= col - 0.5 && x < col + 0.5 && y >= row - 0.5 && y < row + 0.5;
          double& there = nearest[static_cast<std::size_t>(row * target.width + col)];
          if (hit && (there == 0 || out[2] < there)) there = out[2];
        }
    }
  return {nearest.begin(), nearest.end()};
}

TEST(RegisterDepth, AgreesWithAskingEveryPoint) {
  constexpr std::uint64_t seed = 43;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Random random(seed);
  std::size_t hits = 0;
  const auto rounds = sluice::test::cases(1000);
  for (std::int64_t round = 0; round < rounds; ++round) {
    const auto camera_of = [&random] {
      const auto width = static_cast<std::int32_t>(random.integer(1, 24));
      const auto height = static_cast<std::int32_t>(random.integer(1, 20));
      return Camera{{random.between(5, 30), random.between(5, 30), random.between(0, width - 1),
                     random.between(0, height - 1)},
                    width,
                    height};
    };
    const Camera camera = camera_of(), target = camera_of();
    std::vector<float> values(static_cast<std::size_t>(camera.width * camera.height));
    for (float& value : values)
      value = random.chance(0.1)    ? nan
              : random.chance(0.1)  ? infinity
              : random.chance(0.1)  ? -1.0F
              : random.chance(0.05) ? 0.0F
                                    : static_cast<float>(random.between(0.2, 6));
    const Pose pose = pose_from_quaternion(
        {random.between(-0.5, 0.5), random.between(-0.5, 0.5), random.between(-1, 1)},
        random.between(-0.3, 0.3), random.between(-0.3, 0.3), random.between(-0.3, 0.3), 1, "test");
    const Tensor depth = image(camera.height, camera.width, values);
    const auto fast = registered(depth, camera, pose, target);
    const auto naive = naive_registration(depth, camera, pose, target);
    for (std::size_t i = 0; i < naive.size(); ++i) {
      ASSERT_NEAR(fast[i], naive[i], 1e-5) << "round " << round << ", pixel " << i;
      if (naive[i] > 0) ++hits;
    }
  }
  EXPECT_GT(hits, static_cast<std::size_t>(rounds)) << "the cases see next to nothing";
}

TEST(RegisterDepth, RejectsWhatDoesNotFit) {
  const Camera camera{{4, 4, 1.5, 0.5}, 4, 2};
  Tensor result;
  const auto error_with = [&](const kernels::TensorView& depth, const Camera& from,
                              const Pose& pose, const Camera& to) {
    return test::input_error_of([&] { register_depth(depth, from, pose, to, result); });
  };
  const Tensor depth = filled(2, 4, 1);
  const Camera blind{{0, 4, 1.5, 0.5}, 4, 2};
  Pose scaled = identity_pose();
  scaled[0] = 1.5;
  EXPECT_CONTAINS(error_with(filled(4, 2, 1), camera, identity_pose(), camera), "2x4");
  EXPECT_CONTAINS(error_with(Tensor(kernels::DType::f64, {2, 4}), camera, identity_pose(), camera),
                  "f64");
  EXPECT_CONTAINS(error_with(Tensor(kernels::DType::f32, {8}), camera, identity_pose(), camera),
                  "[H,W]");
  EXPECT_CONTAINS(error_with(depth, camera, scaled, camera), "rigid");
  EXPECT_CONTAINS(error_with(depth, blind, identity_pose(), camera), "depth camera");
  EXPECT_CONTAINS(error_with(depth, camera, identity_pose(), blind), "colour camera");
}

}  // namespace
}  // namespace sluice::stream
