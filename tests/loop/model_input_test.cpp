// The model takes what packets may hold, and refuses what is too much.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/loop/model_answers.h"
#include "tests/loop/model_packets.h"
#include "tests/loop/transformer_oracle.h"
#include "tests/support/error_messages.h"

namespace sluice::test {
namespace {

using kernels::DType;
using model::TinyTransformer;
using model::TransformerOptions;

TEST(ModelInput, PaddingHasNoInfluence) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(concat("seed ", seed));
    Random random(seed);
    stream::Packet padded = model_packet(random, 30);
    stream::TokenBatch& batch = padded.batches[0];
    add_padding(random, batch, 0.4);
    stream::TokenBatch tokens;
    tokens.source = batch.source;
    tokens.features.reshape(DType::f32, {model::valid_tokens(batch), 20});
    std::size_t next = 0;
    for (std::size_t i = 0; i < 30; ++i) {
      if (batch.valid[i] == 0) {
        batch.pts[i] = 1e6;
        for (std::size_t d = 0; d < 20; ++d)
          set_feature(batch.features, i * 20 + d, std::numeric_limits<float>::quiet_NaN());
        continue;
      }
      tokens.pts.push_back(batch.pts[i]);
      tokens.position.push_back(batch.position[i]);
      for (std::size_t d = 0; d < 20; ++d)
        tokens.features.as<float>()[next++] = batch.features.as<float>()[i * 20 + d];
    }
    std::vector<stream::TokenBatch> batches;
    batches.push_back(std::move(tokens));

    TinyTransformer model(small_model());
    stream::Feedback masked = answer(model, padded);
    ASSERT_EQ(masked.sources[0].semantic_attention.size(), 30U);
    for (auto* attention :
         {&masked.sources[0].semantic_attention, &masked.sources[0].action_attention}) {
      for (std::size_t i = 30; i-- > 0;) {
        if (batch.valid[i] == 1) continue;
        EXPECT_EQ((*attention)[i], 0);
        attention->erase(attention->begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
    expect_same_bits(masked, answer(model, packet_of(std::move(batches))));
  }
}

TEST(ModelInput, HalfTypesAreWidenedExactly) {
  for (const DType dtype : {DType::f16, DType::bf16}) {
    Random random(1);
    std::vector<stream::TokenBatch> narrow, wide;
    narrow.push_back(model_batch(random, {.dtype = dtype}));
    wide.push_back(model_batch(random, {}));
    wide[0].pts = narrow[0].pts;
    wide[0].position = narrow[0].position;
    for (std::size_t i = 0; i < 12 * 20; ++i)
      set_feature(wide[0].features, i, static_cast<float>(feature(narrow[0].features, i)));
    expect_same_bits(answer(small_model(), packet_of(std::move(narrow))),
                     answer(small_model(), packet_of(std::move(wide))));
  }
}

TEST(ModelInput, ActsWithoutTokens) {
  stream::Packet nothing = packet_of({});
  const stream::Feedback feedback = answer(small_model(), nothing);
  EXPECT_TRUE(feedback.sources.empty());
  for (const float number : action_of(feedback)) EXPECT_LE(std::abs(number), 1);

  Random random(1);
  std::vector<stream::TokenBatch> batches;
  batches.push_back(model_batch(random, {.tokens = 0}));
  batches.push_back(model_batch(random, {.id = "wrist", .tokens = 3}));
  add_padding(random, batches[1], 1);
  const stream::Feedback padding = answer(small_model(), packet_of(std::move(batches)));
  EXPECT_EQ(action_of(padding), action_of(feedback));
  ASSERT_EQ(padding.sources.size(), 1U);
  EXPECT_EQ(padding.sources[0].action_attention, (std::vector<float>{0, 0, 0}));
}

TEST(ModelInput, AnyFeaturesAndTimesGiveFiniteAnswers) {
  Random random(1);
  stream::Packet packet = model_packet(random);
  auto& batch = packet.batches[0];
  constexpr float odd[] = {std::numeric_limits<float>::quiet_NaN(),
                           std::numeric_limits<float>::infinity(), 3e38F, -3e38F, 1e-45F};
  for (std::size_t i = 0; i < 5; ++i) set_feature(batch.features, i * 20, odd[i]);
  for (std::size_t d = 0; d < 20; ++d) set_feature(batch.features, 6 * 20 + d, 0);
  for (std::size_t d = 0; d < 20; ++d) set_feature(batch.features, 7 * 20 + d, 3e38F);
  batch.pts[3] = 1e308;
  batch.pts[4] = -1e308;
  const stream::Feedback feedback = answer(small_model(), packet);
  EXPECT_NO_THROW((void)stream::encode(feedback));  // it takes finite numbers only
}

TEST(ModelInput, RefusesWhatIsTooMuch) {
  Random random(1);
  TransformerOptions options = small_model();
  options.max_tokens = 11;
  TinyTransformer model(options);
  EXPECT_CONTAINS(input_error_of([&] { (void)answer(model, model_packet(random, 12)); }),
                  "12 tokens; expected at most 11");
  (void)answer(model, model_packet(random, 11));
  std::vector<stream::TokenBatch> wide;
  wide.push_back(model_batch(random, {.tokens = 1, .width = 16385}));
  EXPECT_CONTAINS(input_error_of([&] { (void)answer(model, packet_of(std::move(wide))); }),
                  "width 16385");
}

TEST(ModelInput, OptionsOutOfRangeAreNamed) {
  const auto refusal = [](auto&& change) {
    TransformerOptions options = small_model();
    change(options);
    return input_error_of([&] { const TinyTransformer model(options); });
  };
  EXPECT_CONTAINS(refusal([](auto& o) { o.layers = 0; }), "0 layers");
  EXPECT_CONTAINS(refusal([](auto& o) { o.width = 36; }), "width of 36; expected a multiple of 8");
  EXPECT_CONTAINS(refusal([](auto& o) { o.heads = 0; }), "0 heads");
  EXPECT_CONTAINS(refusal([](auto& o) { o.heads = 3; }), "3 heads; expected a divisor");
  EXPECT_CONTAINS(refusal([](auto& o) { o.instruction_tokens = 0; }), "0 instruction tokens");
  EXPECT_CONTAINS(refusal([](auto& o) { o.action_steps = 0; }), "0 action steps");
  EXPECT_CONTAINS(refusal([](auto& o) { o.action_numbers = 0; }), "0 numbers per action");
}

}  // namespace
}  // namespace sluice::test
