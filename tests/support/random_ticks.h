// Seeded tokens of a few sources, tick by tick, and the feedback of a model that looks at them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "policy/tick_engine.h"
#include "stream/token_batch.h"
#include "tests/support/random_clip.h"

namespace sluice::test {

/// A camera's tokens, [rows·cols, width], with every column filled.
inline stream::TokenBatch camera_tokens(Random& random, const std::string& id, std::int32_t rows,
                                        std::int32_t cols, std::int64_t width,
                                        std::int32_t frame = 0,
                                        kernels::DType dtype = kernels::DType::f32) {
  stream::TokenBatch batch;
  batch.source.id = id;
  batch.source.grid_rows = rows;
  batch.source.grid_cols = cols;
  batch.source.feature_width = static_cast<std::int32_t>(width);
  const std::int64_t n = std::int64_t{rows} * cols;
  const auto clip = clip_tensor(random_clip(random, {1, n, width}), {1, n, width}, dtype);
  batch.features.copy_from(clip.view()[0]);
  for (std::int32_t p = 0; p < n; ++p) {
    batch.key.push_back(p);
    batch.frame.push_back(frame);
    batch.frame_last.push_back(frame);
    batch.pts.push_back(0.1 * frame);
    batch.pts_last.push_back(0.1 * frame);
    batch.position.push_back(p);
    batch.weight.push_back(1 + p % 3);
    batch.kind.push_back(static_cast<std::uint8_t>(stream::TokenKind::dynamic));
  }
  return batch;
}

/// Of a model that gives every token of `packet` the attention that `attention(source, key)` says,
/// on both levels.
template <typename Attention>
stream::Feedback feedback_on(const stream::Packet& packet, Attention&& attention) {
  stream::Feedback feedback;
  feedback.stream = packet.stream;
  feedback.episode = packet.episode.value_or(0);
  feedback.tick = packet.tick.value_or(0);
  for (const auto& batch : packet.batches) {
    auto& of_source = feedback.sources.emplace_back();
    of_source.source = batch.source.id;
    for (const std::int64_t key : batch.key)
      of_source.semantic_attention.push_back(attention(batch.source.id, key));
    of_source.action_attention = of_source.semantic_attention;
  }
  return feedback;
}

/// One source of a tick: what TickSource points at.
struct RandomSource {
  stream::TokenBatch batch;
  std::vector<float> semantic;
  std::vector<std::int32_t> pinned;
  bool is_there = true;

  [[nodiscard]] policy::TickSource view() const {
    if (!is_there) return {};
    return {.tokens = &batch, .semantic = semantic, .pinned = pinned};
  }
};

/// 0 to `most` tokens with rising keys; sometimes none, broken ones, scores or pinned tokens.
inline void random_source(Random& random, const std::string& id, std::int64_t most,
                          std::int64_t width, RandomSource& made) {
  made.is_there = random.chance(0.9);
  made.semantic.clear();
  made.pinned.clear();
  auto& batch = made.batch;
  batch.source.id = id;
  batch.source.feature_width = static_cast<std::int32_t>(width);
  const std::int64_t n = random.integer(0, most);
  batch.features.reshape(kernels::DType::f32, {n, width});
  for (auto& value : batch.features.as<float>()) {
    value = static_cast<float>(random.between(-1, 1));
    if (random.chance(0.005)) value = std::numeric_limits<float>::quiet_NaN();
  }
  batch.key.clear();
  std::int64_t key = 0;
  for (std::int32_t i = 0; i < n; ++i) {
    key += random.integer(1, 2);
    batch.key.push_back(key);
    if (random.chance(0.05)) made.pinned.push_back(i);
  }
  if (random.chance(0.2))
    for (std::int64_t i = 0; i < n; ++i)
      made.semantic.push_back(static_cast<float>(random.integer(0, 4)));
}

}  // namespace sluice::test
