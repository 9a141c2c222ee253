#include "stream/feature_message.h"

#include "tests/stream/blobs.h"

namespace sluice::stream {
namespace {

using kernels::DType;
using test::input_error_of;
using test::sample_feature_message;
using test::with_metadata;
using test::with_tensor;

std::string decode_error(std::span<const std::byte> blob) {
  const std::string message =
      input_error_of([&] { (void)decode_feature_message(blob, "tcp://encoder"); });
  EXPECT_CONTAINS(message, "tcp://encoder");
  return message;
}

TEST(FeatureMessage, RoundTripKeepsEveryField) {
  const FeatureMessage sent = sample_feature_message();
  const auto blob = encode(sent);
  const FeatureMessage got = decode_feature_message(blob, "blob");
  EXPECT_EQ(got.source.id, "siglip");
  EXPECT_EQ(got.source.grid_rows, 2);
  EXPECT_EQ(got.source.grid_cols, 2);
  EXPECT_EQ(got.source.image_width, 384);
  EXPECT_EQ(got.source.feature_width, 3);
  EXPECT_EQ(got.frame.pts, 0.1 + 0.2);
  EXPECT_EQ(got.frame.episode, 4);
  EXPECT_EQ(got.sequence, 9);
  EXPECT_FALSE(got.end_of_stream);
  EXPECT_EQ(got.frame.features.dtype(), DType::bf16);
  EXPECT_EQ(got.frame.features.shape(), (kernels::Shape{4, 3}));
  EXPECT_EQ(got.frame.attention.as<float>()[3], 0.4F);
  EXPECT_EQ(got.frame.semantic.as<float>()[0], -1.0F);
  EXPECT_EQ(encode(got), blob);
}

TEST(FeatureMessage, LeastThatAPythonSenderMustGive) {
  const std::vector<float> values(12 * 5, 1.0F);
  const std::vector<NamedTensor> tensors{{"features", {values.data(), DType::f32, {12, 5}}}};
  const auto blob = encode_safetensors(
      tensors, {{"sluice.message", "features"}, {"sluice.schema", "1.0"}, {"pts", "1.5"}});
  const FeatureMessage got = decode_feature_message(blob, "blob");
  EXPECT_EQ(got.source.id, "camera");
  EXPECT_EQ(got.source.grid_rows, 3);
  EXPECT_EQ(got.source.grid_cols, 4);
  EXPECT_EQ(got.source.feature_width, 5);
  EXPECT_EQ(got.frame.pts, 1.5);
  EXPECT_EQ(got.frame.episode, 0);
  EXPECT_FALSE(got.frame.attention.defined());
  EXPECT_FALSE(got.sequence.has_value());
}

TEST(FeatureMessage, EndOfStreamNeedsNoFeatures) {
  FeatureMessage end;
  end.end_of_stream = true;
  const auto blob = encode(end);
  const FeatureMessage got = decode_feature_message(blob, "blob");
  EXPECT_TRUE(got.end_of_stream);
  EXPECT_FALSE(got.frame.features.defined());
  EXPECT_EQ(encode(got), blob);

  const auto bare = encode_safetensors(
      {}, {{"sluice.message", "features"}, {"sluice.schema", "1.0"}, {"end_of_stream", "true"}});
  EXPECT_TRUE(decode_feature_message(bare, "blob").end_of_stream);
}

TEST(FeatureMessage, DecodingAgainForgetsTheLastMessage) {
  FeatureMessage message;
  decode_feature_message(encode(sample_feature_message()), "blob", message);
  const void* memory = message.frame.features.data();
  FeatureMessage plain = sample_feature_message();
  plain.frame.attention = {};
  plain.frame.semantic = {};
  plain.sequence.reset();
  decode_feature_message(encode(plain), "blob", message);
  EXPECT_EQ(message.frame.features.data(), memory) << "memory was not reused";
  EXPECT_FALSE(message.frame.attention.defined());
  EXPECT_FALSE(message.frame.semantic.defined());
  EXPECT_FALSE(message.sequence.has_value());
}

TEST(FeatureMessage, AttentionMayComeInAnyFloatType) {
  const std::vector<double> doubles{0.5, 0.25, 0, 1};
  const auto blob =
      with_tensor(encode(sample_feature_message()), "attention", {doubles.data(), DType::f64, {4}});
  EXPECT_EQ(decode_feature_message(blob, "blob").frame.attention.as<float>()[1], 0.25F);
}

TEST(FeatureMessage, FeaturesMayNotBeEmpty) {
  for (const kernels::Shape& shape : {kernels::Shape{0, 3}, kernels::Shape{3, 0}}) {
    const std::vector<NamedTensor> tensors{{"features", {nullptr, DType::f32, shape}}};
    const auto blob = encode_safetensors(tensors, {{"sluice.message", "features"},
                                                   {"sluice.schema", "1.0"},
                                                   {"feature_width", std::to_string(shape[1])},
                                                   {"pts", "0"}});
    EXPECT_CONTAINS(decode_error(blob), "at least 1");
  }
}

TEST(FeatureMessage, BadMessagesAreRejected) {
  const auto with = [](const std::string& key, const std::string& value) {
    return decode_error(with_metadata(encode(sample_feature_message()),
                                      [&](Metadata& metadata) { metadata[key] = value; }));
  };
  EXPECT_CONTAINS(with("sluice.schema", "2.0"), "1.x");
  EXPECT_CONTAINS(with("sluice.requires", "delta"), "delta");
  EXPECT_CONTAINS(with("grid", "2,3"), "grid");
  EXPECT_CONTAINS(with("grid", "2x2"), "grid");
  EXPECT_CONTAINS(with("feature_width", "4"), "width");
  EXPECT_CONTAINS(with("source", "a/b"), "a/b");
  EXPECT_CONTAINS(with("pts", "late"), "pts");
  EXPECT_CONTAINS(with("episode", "x"), "episode");
  EXPECT_CONTAINS(with("sequence", "-1"), "sequence");
  EXPECT_CONTAINS(with("end_of_stream", "1"), "end_of_stream");

  const std::vector<double> zeros(64);
  const auto replace = [&](const std::string& name, DType dtype, const kernels::Shape& shape) {
    return decode_error(
        with_tensor(encode(sample_feature_message()), name, {zeros.data(), dtype, shape}));
  };
  EXPECT_CONTAINS(replace("features", DType::f64, {4, 3}), "features");
  EXPECT_CONTAINS(replace("features", DType::f32, {4}), "features");
  EXPECT_CONTAINS(replace("attention", DType::f32, {3}), "attention");
  EXPECT_CONTAINS(replace("semantic", DType::i64, {4}), "semantic");
  EXPECT_CONTAINS(decode_error(with_tensor(encode(sample_feature_message()), "features", {})),
                  "features");
}

}  // namespace
}  // namespace sluice::stream
