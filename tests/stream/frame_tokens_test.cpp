#include "stream/frame_tokens.h"

#include <gtest/gtest.h>

#include <numeric>

#include "kernels/error.h"

namespace sluice::stream {
namespace {

Source grid(std::int32_t rows, std::int32_t cols) {
  Source source;
  source.id = "wrist";
  source.grid_rows = rows;
  source.grid_cols = cols;
  return source;
}

FeatureFrame frame_of(std::int64_t index, std::int64_t tokens) {
  FeatureFrame frame;
  frame.index = index;
  frame.pts = 0.25 * static_cast<double>(index);
  frame.features.reshape(kernels::DType::f32, {tokens, 3});
  std::iota(frame.features.as<float>().begin(), frame.features.as<float>().end(), 0.0F);
  return frame;
}

TEST(FrameTokens, EveryPositionIsAToken) {
  TokenBatch batch;
  batch.score = {1};
  batch.valid = {0};
  auto frame = frame_of(5, 6);
  take_frame_tokens(grid(2, 3), frame, batch);
  EXPECT_NO_THROW(validate(batch, "test"));
  EXPECT_EQ(batch.source.id, "wrist");
  EXPECT_EQ(batch.source.feature_width, 3);
  EXPECT_EQ(batch.features.as<float>()[17], 17);
  EXPECT_EQ(batch.key, (std::vector<std::int64_t>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(batch.position, (std::vector<std::int32_t>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(batch.frame, std::vector<std::int32_t>(6, 5));
  EXPECT_EQ(batch.frame_last, batch.frame);
  EXPECT_EQ(batch.pts, std::vector<double>(6, 1.25));
  EXPECT_EQ(batch.pts_last, batch.pts);
  EXPECT_EQ(batch.weight, std::vector<std::int64_t>(6, 1));
  EXPECT_EQ(batch.kind, std::vector<std::uint8_t>(6, 1));
  EXPECT_TRUE(batch.score.empty() && batch.reason.empty() && batch.xyz.empty());
  EXPECT_TRUE(batch.valid.empty() && batch.held.empty());
}

TEST(FrameTokens, MemoryGoesBackToTheFrame) {
  TokenBatch batch;
  auto frame = frame_of(0, 6);
  const void* first = frame.features.data();
  take_frame_tokens(grid(2, 3), frame, batch);
  EXPECT_EQ(batch.features.data(), first);
  frame.features = frame_of(1, 4).features;
  const void* second = frame.features.data();
  take_frame_tokens(grid(2, 2), frame, batch);
  EXPECT_EQ(batch.features.data(), second);
  EXPECT_EQ(frame.features.data(), first);
  EXPECT_EQ(batch.size(), 4);
  EXPECT_EQ(batch.key.size(), 4);
}

TEST(FrameTokens, WithoutAGridThereAreNoPositions) {
  TokenBatch batch;
  auto frame = frame_of(0, 6);
  take_frame_tokens(grid(0, 0), frame, batch);
  EXPECT_TRUE(batch.position.empty());
  EXPECT_EQ(batch.key.size(), 6);
  EXPECT_NO_THROW(validate(batch, "test"));
}

TEST(FrameTokens, RefusesWhatIsNoFrame) {
  TokenBatch batch;
  FeatureFrame none;
  EXPECT_THROW(take_frame_tokens(grid(2, 3), none, batch), Error);
  auto late = frame_of(std::int64_t{1} << 31, 6);
  EXPECT_THROW(take_frame_tokens(grid(2, 3), late, batch), Error);
  EXPECT_TRUE(late.features.defined());
}

}  // namespace
}  // namespace sluice::stream
