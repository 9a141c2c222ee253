// The model at the other end of a control loop: right, causal and deterministic.
#include "apps/model/tiny_transformer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "tests/loop/model_answers.h"
#include "tests/loop/model_packets.h"
#include "tests/loop/transformer_oracle.h"
#include "tests/support/allocation_counter.h"

namespace sluice::test {
namespace {

using kernels::DType;
using model::TinyTransformer;
using model::TransformerOptions;

double sum_of(const std::vector<float>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

TransformerOptions random_options(Random& random) {
  TransformerOptions options;
  options.heads = random.integer(1, 4);
  options.width = 8 * options.heads * random.integer(1, 5);
  options.layers = random.integer(1, 5);
  options.instruction_tokens = random.integer(1, 9);
  options.action_steps = random.integer(1, 9);
  options.action_numbers = random.integer(1, 40);
  options.seed = static_cast<std::uint64_t>(random.integer(0, 1000));
  options.semantic_rows = random.chance(0.5) ? model::SemanticRows::all : model::SemanticRows::last;
  return options;
}

stream::Packet random_packet(Random& random) {
  constexpr DType types[] = {DType::f32, DType::f16, DType::bf16};
  std::vector<stream::TokenBatch> batches;
  for (const auto* id : {"front", "wrist", "map"}) {
    if (random.chance(0.3)) continue;
    batches.push_back(model_batch(random, {.id = id,
                                           .tokens = random.integer(0, 40),
                                           .width = random.integer(1, 70),
                                           .dtype = types[random.integer(0, 2)],
                                           .places = random.chance(0.3)}));
    if (random.chance(0.3)) add_padding(random, batches.back(), 0.3);
    if (random.chance(0.5)) batches.back().pts_last = batches.back().pts;
    for (double& time : batches.back().pts_last) time += random.uniform();
  }
  return packet_of(std::move(batches));
}

TEST(TinyTransformer, AgreesWithANaiveModelInDouble) {
  const std::int64_t count = cases(1000, 10);
  for (std::int64_t seed = 0; seed < count; ++seed) {
    SCOPED_TRACE(concat("seed ", seed));
    Random random(static_cast<std::uint64_t>(seed));
    TinyTransformer model(random_options(random));
    const stream::Packet packet = random_packet(random);
    const stream::Feedback feedback = answer(model, packet);
    const OracleAnswer expected = oracle(model, packet);

    const auto [steps, numbers] =
        std::pair{model.options().action_steps, model.options().action_numbers};
    ASSERT_EQ(feedback.action.shape(), (kernels::Shape{steps, numbers}));
    const auto action = feedback.action.as<float>();
    for (std::size_t i = 0; i < action.size(); ++i) {
      const auto a = static_cast<std::size_t>(numbers);
      ASSERT_NEAR(action[i], expected.action[i / a][i % a], 5e-5);
    }
    auto source = feedback.sources.begin();
    for (std::size_t s = 0; s < packet.batches.size(); ++s) {
      if (packet.batches[s].size() == 0) continue;
      ASSERT_EQ(source->source, packet.batches[s].source.id);
      ASSERT_EQ(source->semantic_attention.size(), expected.semantic[s].size());
      ASSERT_EQ(source->action_attention.size(), expected.semantic[s].size());
      for (std::size_t i = 0; i < expected.semantic[s].size(); ++i) {
        ASSERT_NEAR(source->semantic_attention[i], expected.semantic[s][i], 1e-5);
        ASSERT_NEAR(source->action_attention[i], expected.action_attention[s][i], 1e-5);
      }
      ++source;
    }
    EXPECT_EQ(source, feedback.sources.end());
  }
}

TEST(TinyTransformer, NamesTheTickItAnswersAndCanBeSent) {
  Random random(1);
  const stream::Feedback feedback = answer(small_model(), model_packet(random));
  const stream::Feedback received = stream::decode_feedback(stream::encode(feedback), "it");
  EXPECT_EQ(received.stream, "sluice");
  EXPECT_EQ(received.episode, 2);
  EXPECT_EQ(received.tick, 7);
  ASSERT_EQ(received.sources.size(), 1U);
  EXPECT_EQ(received.sources[0].source, "front");
  expect_same_bits(received, feedback);
}

TEST(TinyTransformer, AttentionIsAShareAndNeverNegative) {
  Random random(1);
  for (const std::int64_t tokens : {1, 2, 33, 200}) {
    const stream::Feedback feedback = answer(small_model(), model_packet(random, tokens));
    for (const auto* attention :
         {&feedback.sources[0].semantic_attention, &feedback.sources[0].action_attention}) {
      for (const float value : *attention) EXPECT_GT(value, 0);
      EXPECT_LT(sum_of(*attention), 1);
    }
  }
}

TEST(TinyTransformer, SameInputSameBits) {
  Random random(1);
  const stream::Packet packet = model_packet(random, 50);
  const stream::Packet other = model_packet(random, 70);
  TinyTransformer model(small_model());
  const stream::Feedback first = answer(model, packet);
  (void)answer(model, other);
  expect_same_bits(answer(model, packet), first);
  expect_same_bits(answer(small_model(), packet), first);
}

TEST(TinyTransformer, SeedsMakeOtherModels) {
  Random random(1);
  const stream::Packet packet = model_packet(random);
  TransformerOptions options = small_model();
  const auto action = action_of(answer(options, packet));
  options.seed = 2;
  EXPECT_NE(action_of(answer(options, packet)), action);
}

TEST(TinyTransformer, WhatItSeesDecidesWhatItDoes) {
  Random random(1);
  stream::Packet packet = model_packet(random);
  TinyTransformer model(small_model());
  const stream::Feedback before = answer(model, packet);
  set_feature(packet.batches[0].features, 5 * 20 + 3, 30);
  const stream::Feedback after = answer(model, packet);
  EXPECT_NE(action_of(after), action_of(before));
  EXPECT_NE(after.sources[0].action_attention, before.sources[0].action_attention);
}

TEST(TinyTransformer, LaterActionQueriesAreNotSeenByEarlierOnes) {
  Random random(1);
  const stream::Packet packet = model_packet(random);
  TransformerOptions options = small_model();
  const auto three = action_of(answer(options, packet));
  options.action_steps = 9;
  const auto nine = action_of(answer(options, packet));
  EXPECT_EQ(three, std::vector<float>(nine.begin(), nine.begin() + 3 * 5));
}

/// The packet with its tokens in another order.
stream::Packet reversed(const stream::Packet& packet) {
  const stream::TokenBatch& from = packet.batches[0];
  stream::TokenBatch to;
  to.source = from.source;
  to.features.reshape(DType::f32, from.features.shape());
  for (std::size_t n = from.pts.size(), i = 0; i < n; ++i) {
    to.pts.push_back(from.pts[n - 1 - i]);
    to.position.push_back(from.position[n - 1 - i]);
    std::copy_n(from.features.as<float>().data() + (n - 1 - i) * 20, 20,
                to.features.as<float>().data() + i * 20);
  }
  std::vector<stream::TokenBatch> batches;
  batches.push_back(std::move(to));
  return packet_of(std::move(batches));
}

/// How far what the model does, and where it looks, is from what it was with the tokens reversed.
double effect_of_order(std::int64_t layers) {
  Random random(1);
  TransformerOptions options = small_model();
  options.layers = layers;
  const stream::Packet packet = model_packet(random);
  const stream::Feedback forward = answer(options, packet);
  const stream::Feedback backward = answer(options, reversed(packet));
  double largest = 0;
  for (std::size_t i = 0; i < 15; ++i)
    largest = std::max(largest, std::abs(static_cast<double>(action_of(forward)[i]) -
                                         static_cast<double>(action_of(backward)[i])));
  for (std::size_t i = 0; i < 12; ++i)
    largest = std::max(largest,
                       std::abs(static_cast<double>(forward.sources[0].action_attention[i]) -
                                static_cast<double>(backward.sources[0].action_attention[11 - i])));
  return largest;
}

TEST(TinyTransformer, OneLayerSeesASetMoreLayersSeeASequence) {
  EXPECT_LT(effect_of_order(1), 1e-5);
  EXPECT_GT(effect_of_order(3), 1e-3);
}

TEST(TinyTransformer, DoesNotAllocateOnceWarm) {
  if (!counts_allocations()) GTEST_SKIP() << "not with sanitizers";
  Random random(1);
  std::vector<stream::Packet> packets;
  for (const std::int64_t tokens : {64, 3, 50, 64, 1})
    packets.push_back(model_packet(random, tokens));
  TinyTransformer model(small_model());
  stream::Feedback feedback;
  model.run(packets[0], feedback);
  const std::int64_t before = allocations();
  for (const auto& packet : packets) model.run(packet, feedback);
  EXPECT_EQ(allocations(), before);
}

}  // namespace
}  // namespace sluice::test
