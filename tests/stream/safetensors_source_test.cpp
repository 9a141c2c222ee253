#include "stream/safetensors_source.h"

#include <limits>

#include "stream/safetensors.h"
#include "tests/stream/blobs.h"

namespace sluice::stream {
namespace {

using kernels::DType;
using kernels::Shape;
using kernels::TensorView;
using test::input_error_of;
using test::TemporaryFolder;

/// A file of 2 frames of 6 tokens, 3 wide, that tests change.
class SafetensorsSourceTest : public ::testing::Test {
 protected:
  SafetensorsSourceTest() {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
    tensors = {{"features", {values.data(), DType::f32, {2, 6, 3}}}};
  }

  SafetensorsSource open(const SafetensorsSourceOptions& options = {}) {
    write_safetensors(folder / "clip.safetensors", tensors, metadata);
    return SafetensorsSource(folder / "clip.safetensors", options);
  }

  std::string open_error(const SafetensorsSourceOptions& options = {}) {
    const std::string message = input_error_of([&] { open(options); });
    EXPECT_CONTAINS(message, "clip.safetensors");
    return message;
  }

  std::string features_error(DType dtype, const Shape& shape) {
    tensors = {{"features", {values.data(), dtype, shape}}};
    return open_error();
  }

  TemporaryFolder folder;
  std::vector<float> values = std::vector<float>(36);
  std::vector<NamedTensor> tensors;
  Metadata metadata;
};

TEST_F(SafetensorsSourceTest, GivesFramesInOrder) {
  SafetensorsSource source = open();
  EXPECT_EQ(source.source().grid_rows, 2);
  EXPECT_EQ(source.source().grid_cols, 3);
  EXPECT_EQ(source.source().feature_width, 3);
  EXPECT_EQ(source.source().id, "camera");
  EXPECT_EQ(source.frame_count(), 2);
  EXPECT_TRUE(source.is_recording());
  FeatureFrame frame;
  for (std::int64_t f = 0; f < 2; ++f) {
    ASSERT_TRUE(source.next(frame));
    EXPECT_EQ(frame.index, f);
    EXPECT_EQ(frame.pts, static_cast<double>(f));
    EXPECT_EQ(frame.features.shape(), (Shape{6, 3}));
    EXPECT_EQ(frame.features.as<float>()[0], static_cast<float>(18 * f));
    EXPECT_FALSE(frame.attention.defined());
    EXPECT_FALSE(frame.semantic.defined());
  }
  EXPECT_FALSE(source.next(frame));
  EXPECT_FALSE(source.next(frame));
  EXPECT_EQ(source.statistics().frames, 2);
}

TEST_F(SafetensorsSourceTest, ReadsAttentionOfEveryFloatType) {
  std::vector<double> doubles(12);
  std::vector<float> floats(12);
  std::vector<kernels::Half> halves(12);
  std::vector<kernels::Bfloat16> brains(12);
  for (std::size_t i = 0; i < 12; ++i) {
    floats[i] = static_cast<float>(i) / 16.0F;  // exact in every type
    doubles[i] = floats[i];
    halves[i] = kernels::to_half(floats[i]);
    brains[i] = kernels::to_bfloat16(floats[i]);
  }
  for (const TensorView& attention : {TensorView(doubles.data(), DType::f64, {2, 6}),
                                      TensorView(floats.data(), DType::f32, {2, 6}),
                                      TensorView(halves.data(), DType::f16, {2, 6}),
                                      TensorView(brains.data(), DType::bf16, {2, 6})}) {
    tensors.resize(1);
    tensors.push_back({"attention", attention});
    tensors.push_back({"semantic", attention});
    SafetensorsSource source = open();
    FeatureFrame frame;
    ASSERT_TRUE(source.next(frame));
    ASSERT_TRUE(source.next(frame));
    ASSERT_EQ(frame.attention.shape(), Shape{6});
    for (std::size_t p = 0; p < 6; ++p) {
      EXPECT_EQ(frame.attention.as<float>()[p], floats[6 + p]) << name(attention.dtype());
      EXPECT_EQ(frame.semantic.as<float>()[p], floats[6 + p]);
    }
  }
}

TEST_F(SafetensorsSourceTest, KeepsTheFeaturesType) {
  for (const DType dtype : {DType::f16, DType::bf16}) {
    tensors = {{"features", {values.data(), dtype, {2, 6, 3}}}};
    SafetensorsSource source = open();
    FeatureFrame frame;
    ASSERT_TRUE(source.next(frame));
    EXPECT_EQ(frame.features.dtype(), dtype);
    EXPECT_EQ(std::memcmp(frame.features.data(), values.data(), 36), 0);
  }
}

TEST_F(SafetensorsSourceTest, TimesComeFromTheFileElseFromTheRate) {
  FeatureFrame frame;
  SafetensorsSource by_rate = open({.fps = 4.0});
  ASSERT_TRUE(by_rate.next(frame) && by_rate.next(frame));
  EXPECT_EQ(frame.pts, 0.25);
  const std::vector<double> pts{10.5, 11.25};
  tensors.push_back({"pts", {pts.data(), DType::f64, {2}}});
  SafetensorsSource by_file = open({.fps = 4.0});
  ASSERT_TRUE(by_file.next(frame) && by_file.next(frame));
  EXPECT_EQ(frame.pts, 11.25);
}

TEST_F(SafetensorsSourceTest, GridComesFromTheOptionElseTheMetadata) {
  metadata["grid"] = "1,6";
  metadata["image_size"] = "640,480";
  EXPECT_EQ(open().source().grid_cols, 6);
  EXPECT_EQ(open().source().image_width, 640);
  EXPECT_EQ(open({.grid = Grid{3, 2}}).source().grid_rows, 3);
  EXPECT_EQ(open({.source_id = "wrist", .episode = 3}).source().id, "wrist");
}

TEST_F(SafetensorsSourceTest, ReadsFilesThatAreNotAligned) {
  // The header's length is odd, so the features start at an odd byte.
  const std::string header =
      R"({"features":{"dtype":"F32","shape":[1,1,2],"data_offsets":[0,8]}} )";
  const auto blob = test::raw_blob(header + std::string(header.size() % 2 == 0 ? 1 : 0, ' '), 8);
  test::write_all(folder / "odd", {reinterpret_cast<const char*>(blob.data()), blob.size()});
  SafetensorsSource source(folder / "odd");
  FeatureFrame frame;
  ASSERT_TRUE(source.next(frame));
  EXPECT_EQ(std::memcmp(frame.features.data(), "\0\1\2\3\4\5\6\7", 8), 0);
}

TEST_F(SafetensorsSourceTest, RejectsOtherFeatures) {
  EXPECT_CONTAINS(features_error(DType::f64, {2, 3, 3}), "f64");
  EXPECT_CONTAINS(features_error(DType::i32, {2, 6, 3}), "i32");
  EXPECT_CONTAINS(features_error(DType::f32, {12, 3}), "[12, 3]");
  EXPECT_CONTAINS(features_error(DType::f32, {1, 2, 6, 3}), "[1, 2, 6, 3]");
  EXPECT_CONTAINS(features_error(DType::f32, {0, 6, 3}), "at least 1");
  EXPECT_CONTAINS(features_error(DType::f32, {2, 0, 3}), "at least 1");
  EXPECT_CONTAINS(features_error(DType::f32, {2, 6, 0}), "at least 1");
  tensors = {{"feature", {values.data(), DType::f32, {2, 6, 3}}}};
  EXPECT_CONTAINS(open_error(), "\"feature\"");
}

TEST_F(SafetensorsSourceTest, RejectsWhatDoesNotFitTheFeatures) {
  const NamedTensor features = tensors[0];
  const auto error_with = [&](const std::string& name, DType dtype, const Shape& shape) {
    tensors = {features, {name, {values.data(), dtype, shape}}};
    return open_error();
  };
  EXPECT_CONTAINS(error_with("attention", DType::f32, {2, 5}), "[2, 6]");
  EXPECT_CONTAINS(error_with("attention", DType::f32, {12}), "attention");
  EXPECT_CONTAINS(error_with("attention", DType::i64, {2, 6}), "i64");
  EXPECT_CONTAINS(error_with("semantic", DType::u8, {2, 6}), "semantic");
  EXPECT_CONTAINS(error_with("pts", DType::f32, {2}), "f64");
  EXPECT_CONTAINS(error_with("pts", DType::f64, {3}), "pts");
  const std::vector<double> nan{0.0, std::numeric_limits<double>::quiet_NaN()};
  tensors = {features, {"pts", {nan.data(), DType::f64, {2}}}};
  EXPECT_CONTAINS(open_error(), "frame 1");
  tensors = {features};
  EXPECT_CONTAINS(open_error({.grid = Grid{2, 2}}), "6");
  EXPECT_CONTAINS(open_error({.fps = 0.0}), "frames per second");
  EXPECT_CONTAINS(open_error({.source_id = "a b"}), "a b");
  metadata["grid"] = "2,2";
  EXPECT_CONTAINS(open_error(), "metadata \"grid\"");
}

}  // namespace
}  // namespace sluice::stream
