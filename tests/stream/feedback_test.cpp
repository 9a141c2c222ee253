#include "stream/feedback.h"

#include <limits>

#include "tests/stream/blobs.h"

namespace sluice::stream {
namespace {

using test::input_error_of;
using test::sample_feedback;
using test::with_metadata;
using test::with_tensor;

std::string decode_error(std::span<const std::byte> blob) {
  const std::string message = input_error_of([&] { (void)decode_feedback(blob, "tcp://model"); });
  EXPECT_CONTAINS(message, "tcp://model");
  return message;
}

TEST(Feedback, RoundTripKeepsEveryField) {
  const Feedback sent = sample_feedback();
  const auto blob = encode(sent);
  const Feedback got = decode_feedback(blob, "blob");
  EXPECT_EQ(got.stream, sent.stream);
  EXPECT_EQ(got.episode, sent.episode);
  EXPECT_EQ(got.tick, sent.tick);
  EXPECT_EQ(got.model_latency_ms, sent.model_latency_ms);
  ASSERT_EQ(got.sources.size(), sent.sources.size());
  for (std::size_t i = 0; i < sent.sources.size(); ++i) {
    EXPECT_EQ(got.sources[i].source, sent.sources[i].source);
    EXPECT_EQ(got.sources[i].semantic_attention, sent.sources[i].semantic_attention);
    EXPECT_EQ(got.sources[i].action_attention, sent.sources[i].action_attention);
  }
  EXPECT_EQ(got.action.shape(), sent.action.shape());
  EXPECT_EQ(got.action.as<float>()[5], 6.0F);
  EXPECT_EQ(encode(got), blob);
}

TEST(Feedback, OptionalPartsMayBeAbsent) {
  Feedback sent;
  sent.stream = "s";
  const auto blob = encode(sent);
  const Feedback got = decode_feedback(blob, "blob");
  EXPECT_TRUE(got.sources.empty());
  EXPECT_FALSE(got.action.defined());
  EXPECT_FALSE(got.model_latency_ms.has_value());
  EXPECT_EQ(encode(got), blob);
}

TEST(Feedback, AttentionMayComeInAnyFloatType) {
  const std::vector<double> doubles{0.5, 0.25};
  const std::vector<kernels::Half> halves{{0x3800}, {0x3400}};
  const std::vector<kernels::Bfloat16> brains{{0x3f00}, {0x3e80}};
  for (const kernels::TensorView& tensor :
       {kernels::TensorView(doubles.data(), kernels::DType::f64, {2}),
        kernels::TensorView(halves.data(), kernels::DType::f16, {2}),
        kernels::TensorView(brains.data(), kernels::DType::bf16, {2})}) {
    const auto blob = with_tensor(encode(sample_feedback()), "map/action_attention", tensor);
    EXPECT_EQ(decode_feedback(blob, "blob").sources[1].action_attention,
              (std::vector<float>{0.5F, 0.25F}));
  }
}

TEST(Feedback, BadMessagesAreRejected) {
  const auto with = [](const std::string& key, const std::string& value) {
    return decode_error(with_metadata(encode(sample_feedback()),
                                      [&](Metadata& metadata) { metadata[key] = value; }));
  };
  EXPECT_CONTAINS(with("sluice.schema", "2.0"), "1.x");
  EXPECT_CONTAINS(with("sluice.requires", "sparse"), "sparse");
  EXPECT_CONTAINS(with("sluice.message", "packet"), "\"feedback\"");
  EXPECT_CONTAINS(with("stream", ""), "stream id");
  EXPECT_CONTAINS(with("tick", "soon"), "tick");
  EXPECT_CONTAINS(with("episode", ""), "episode");
  EXPECT_CONTAINS(with("model_latency_ms", "-1"), "latency");
  EXPECT_CONTAINS(with("sources", "a b"), "source id");
  EXPECT_CONTAINS(decode_error(encode(test::sample_packet())), "\"packet\"");

  const std::vector<float> nan(4, std::numeric_limits<float>::quiet_NaN());
  const auto replace = [&](const std::string& name, const kernels::Shape& shape,
                           kernels::DType dtype = kernels::DType::f32) {
    return decode_error(with_tensor(encode(sample_feedback()), name, {nan.data(), dtype, shape}));
  };
  EXPECT_CONTAINS(replace("map/action_attention", {4}), "finite");
  EXPECT_CONTAINS(replace("map/action_attention", {2, 2}), "map/action_attention");
  EXPECT_CONTAINS(replace("map/action_attention", {4}, kernels::DType::i32), "i32");
  EXPECT_CONTAINS(replace("action", {2, 2}), "action");
  EXPECT_CONTAINS(replace("action", {4}), "action");
  EXPECT_CONTAINS(replace("wrist.cam-0/semantic_attention", {2}), "finite");
  const std::vector<float> two(2);
  EXPECT_CONTAINS(
      decode_error(with_tensor(encode(sample_feedback()), "wrist.cam-0/semantic_attention",
                               {two.data(), kernels::DType::f32, {2}})),
      "for 2 tokens");
}

TEST(Feedback, UnknownKeysAreIgnored) {
  const auto blob = with_metadata(encode(sample_feedback()),
                                  [](Metadata& metadata) { metadata["mood"] = "good"; });
  EXPECT_EQ(encode(decode_feedback(blob, "blob")), encode(sample_feedback()));
}

}  // namespace
}  // namespace sluice::stream
