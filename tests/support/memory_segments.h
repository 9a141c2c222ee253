// Seeded segments for tests of the token memory. Keys number the tokens, so that each can be
// traced.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "stream/token_batch.h"
#include "temporal/segment_merger.h"
#include "temporal/token_memory.h"
#include "tests/support/random_clip.h"

namespace sluice::test {

struct MemorySegment {
  stream::TokenBatch tokens;
  std::int64_t first_frame = 0;
  std::vector<double> pts;

  void add_to(temporal::TokenMemory& memory) const { memory.add(tokens, first_frame, pts); }
};

struct MemoryStreamOptions {
  std::int64_t width = 4;
  kernels::DType dtype = kernels::DType::f32;
  double broken = 0;  ///< chance of NaN or infinity in a token
  double twin = 0;    ///< chance that a token's features are those of the one before
};

/// One segment behind the other.
class MemoryStream {
 public:
  MemoryStream(Random& random, const MemoryStreamOptions& options)
      : random_(random), options_(options) {}

  MemorySegment next(std::int64_t frames, std::int64_t tokens) {
    MemorySegment segment;
    segment.first_frame = frames_;
    for (std::int64_t f = 0; f < frames; ++f)
      segment.pts.push_back(0.5 * static_cast<double>(frames_ + f));
    stream::TokenBatch& batch = segment.tokens;
    batch.source.grid_rows = 2;
    batch.source.grid_cols = 5;
    batch.source.feature_width = static_cast<std::int32_t>(options_.width);
    temporal::resize(batch, tokens, options_.dtype, options_.width);
    for (std::size_t i = 0; i < batch.key.size(); ++i) fill_origin(segment, i);
    const auto values = features(tokens);
    const ClipShape shape{1, tokens, options_.width};
    if (tokens > 0) {
      const kernels::Tensor clip = clip_tensor(values, shape, options_.dtype);
      batch.features.copy_from(clip.view()[0]);
    }
    frames_ += frames;
    return segment;
  }

 private:
  void fill_origin(MemorySegment& segment, std::size_t i) {
    stream::TokenBatch& batch = segment.tokens;
    const auto frames = static_cast<std::int64_t>(segment.pts.size());
    const std::int64_t first = random_.integer(0, frames - 1),
                       last = random_.integer(first, frames - 1);
    batch.key[i] = keys_++;
    batch.frame[i] = static_cast<std::int32_t>(frames_ + first);
    batch.frame_last[i] = static_cast<std::int32_t>(frames_ + last);
    batch.pts[i] = segment.pts[static_cast<std::size_t>(first)];
    batch.pts_last[i] = segment.pts[static_cast<std::size_t>(last)];
    batch.position[i] = static_cast<std::int32_t>(random_.integer(0, 9));
    batch.weight[i] = random_.integer(1, 6);
    batch.score[i] = static_cast<float>(random_.uniform());
    batch.kind[i] = static_cast<std::uint8_t>(random_.integer(0, 1));
    batch.reason[i] = static_cast<std::uint8_t>(random_.integer(0, 3));
  }

  std::vector<float> features(std::int64_t tokens) {
    return random_clip(random_, {1, tokens, options_.width},
                       {.broken = options_.broken, .twin = options_.twin});
  }

  Random& random_;
  MemoryStreamOptions options_;
  std::int64_t frames_ = 0;
  std::int64_t keys_ = 0;
};

}  // namespace sluice::test
