// A small model, and what it says about a packet.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "apps/model/tiny_transformer.h"

namespace sluice::test {

inline model::TransformerOptions small_model() {
  return {.layers = 3,
          .width = 32,
          .heads = 2,
          .instruction_tokens = 4,
          .action_steps = 3,
          .action_numbers = 5};
}

inline stream::Feedback answer(model::TinyTransformer& model, const stream::Packet& packet) {
  stream::Feedback feedback;
  model.run(packet, feedback);
  return feedback;
}

inline stream::Feedback answer(const model::TransformerOptions& options,
                               const stream::Packet& packet) {
  model::TinyTransformer model(options);
  return answer(model, packet);
}

inline std::vector<float> action_of(const stream::Feedback& feedback) {
  const auto action = feedback.action.as<float>();
  return {action.begin(), action.end()};
}

inline void expect_same_bits(const stream::Feedback& a, const stream::Feedback& b) {
  EXPECT_EQ(action_of(a), action_of(b));
  ASSERT_EQ(a.sources.size(), b.sources.size());
  for (std::size_t s = 0; s < a.sources.size(); ++s) {
    EXPECT_EQ(a.sources[s].semantic_attention, b.sources[s].semantic_attention);
    EXPECT_EQ(a.sources[s].action_attention, b.sources[s].action_attention);
  }
}

}  // namespace sluice::test
